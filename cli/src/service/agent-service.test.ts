import { expect, test } from 'vitest';
import { findService } from './agent-service.ts';

const facts = {
  command: ['/opt/no de/node', '/w/run.mjs', '--env-file=/h/service.env', '/w/main.ts', '--name', 'a"b $x 5% \\ <&>'],
  workingFolder: '/w/100%',
  path: ['/opt/bin', '/usr/bin'],
  endSeconds: 45,
};

const surroundings = { environment: {}, homeFolder: '/home/ann' };

test('a systemd user unit: every word quoted, $ and % doubled', () => {
  const service = findService({ ...surroundings, platform: 'linux' }, 1000);
  expect(service?.file).toBe('/home/ann/.config/systemd/user/waggle-agent.service');
  const unit = service?.toText(facts) ?? '';
  expect(unit).toContain(
    String.raw`ExecStart="/opt/no de/node" "/w/run.mjs" "--env-file=/h/service.env" "/w/main.ts" "--name" "a\"b $$x 5%% \\ <&>"`,
  );
  expect(unit).toContain('\nWorkingDirectory=/w/100%%\nEnvironment="PATH=/opt/bin:/usr/bin"\nRestart=always\n');
  expect(unit).toContain('\nKillMode=mixed\nTimeoutStopSec=45\n');
  expect(unit).toContain('\n[Install]\nWantedBy=default.target\n');
});

test('where the user keeps settings elsewhere, the unit is there', () => {
  const environment = { XDG_CONFIG_HOME: '/conf' };
  const service = findService({ ...surroundings, environment, platform: 'linux' }, 1000);
  expect(service?.file).toBe('/conf/systemd/user/waggle-agent.service');
});

test('a launchd agent: an XML list of words', () => {
  const service = findService({ ...surroundings, platform: 'darwin' }, 501);
  expect(service?.file).toBe('/home/ann/Library/LaunchAgents/waggle-agent.plist');
  const plist = service?.toText(facts) ?? '';
  expect(plist).toContain('<string>--name</string>\n    <string>a"b $x 5% \\ &lt;&amp;&gt;</string>\n  </array>');
  expect(plist).toMatch(/<key>KeepAlive<\/key>\s*<true\/>/);
  expect(plist).toMatch(/<key>RunAtLoad<\/key>\s*<true\/>/);
  expect(plist).toMatch(/<key>WorkingDirectory<\/key>\s*<string>\/w\/100%<\/string>/);
  expect(plist).toMatch(/<key>PATH<\/key>\s*<string>\/opt\/bin:\/usr\/bin<\/string>/);
  expect(service?.enable).toEqual([
    { command: ['launchctl', 'bootout', 'gui/501/waggle-agent'], mayFail: true },
    { command: ['launchctl', 'bootstrap', 'gui/501', service?.file] },
  ]);
});

test('elsewhere there is none', () => {
  expect(findService({ ...surroundings, platform: 'win32' }, 0)).toBeUndefined();
  expect(findService({ ...surroundings, homeFolder: undefined, platform: 'linux' }, 0)).toBeUndefined();
});
