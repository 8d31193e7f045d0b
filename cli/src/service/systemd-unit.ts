import type { ServiceFacts } from './agent-service.ts';

/** A systemd user unit. */
export function toUnit({ command, workingFolder, path, endSeconds }: ServiceFacts): string {
  // The whole group gets no SIGTERM but the launcher, which passes it on: a second one would cut short what runs.
  return `[Unit]
Description=Waggle agent: makes the engines of this machine part of a cluster
StartLimitIntervalSec=0

[Service]
ExecStart=${command.map((word) => quote(word).replaceAll('$', '$$$$')).join(' ')}
WorkingDirectory=${workingFolder.replaceAll('%', '%%')}
Environment=${quote(`PATH=${path.join(':')}`)}
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec=${endSeconds}

[Install]
WantedBy=default.target
`;
}

/** A word as systemd reads it; % begins a specifier. */
function quote(word: string): string {
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}
