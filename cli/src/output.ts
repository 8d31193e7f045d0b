import { styleText } from 'node:util';
import Table from 'cli-table3';

/** Everything a command prints: text for people, or one JSON document with `--json`. */
export interface Output {
  readonly json: boolean;
  /** True: lines may be rewritten in place. */
  readonly isLive: boolean;
  print(text: string): void;
  /** Without a line end, for streamed text. */
  write(text: string): void;
  data(value: unknown): void;
  /** Replaces the last progress line; not shown where nobody looks. */
  progress(text: string): void;
  /** Ends the progress line. */
  settle(): void;
}

export function createOutput(
  json: boolean,
  stdout: NodeJS.WriteStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
): Output {
  let hasProgress = false;
  const clear = () => {
    if (hasProgress) stderr.write('\r\x1b[2K');
    hasProgress = false;
  };
  return {
    json,
    isLive: stdout.isTTY && !json,
    print: (text) => {
      clear();
      stdout.write(`${text}\n`);
    },
    write: (text) => {
      clear();
      stdout.write(text);
    },
    data: (value) => stdout.write(`${JSON.stringify(value)}\n`),
    progress: (text) => {
      if (json || !stderr.isTTY) return;
      clear();
      stderr.write(text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1)));
      hasProgress = true;
    },
    settle: clear,
  };
}

/** A table without lines; the head is dim. */
export function toTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const table = new Table({
    head: head.map((title) => styleText('dim', title)),
    chars: none,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Decimal units, as Ollama prints sizes. */
export function toSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
