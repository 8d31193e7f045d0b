import { styleText } from 'node:util';
import Table from 'cli-table3';

/** Everything a command prints: text for people, or one JSON document with `--json`. */
export interface Output {
  readonly json: boolean;
  print(text: string): void;
  /** Without a line end, for streamed text. */
  write(text: string): void;
  data(value: unknown): void;
  /** Why a command did not do what it should: a sentence on standard error, `{ "error": … }` with `--json`. */
  fail(message: string): void;
  /** Shows a text in the place of the one before, from the upper left corner; where nobody looks it is printed below it. */
  redraw(text: string): void;
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
  let hasScreen = false;
  const isLive = stdout.isTTY && !json;
  const clear = () => {
    if (hasProgress) stderr.write('\r\x1b[2K');
    hasProgress = false;
  };
  return {
    json,
    print: (text) => {
      clear();
      stdout.write(`${text}\n`);
    },
    write: (text) => {
      clear();
      stdout.write(text);
    },
    data: (value) => stdout.write(`${JSON.stringify(value)}\n`),
    fail: (message) => {
      clear();
      if (json) stdout.write(`${JSON.stringify({ error: message })}\n`);
      else stderr.write(`${message}\n`);
    },
    redraw: (text) => {
      if (!isLive) {
        stdout.write(`${text}\n`);
        return;
      }
      // Written over, not cleared first: nothing flickers. Long lines are cut, because wrapped ones would be two.
      const lines = fitRows(text.split('\n'), stdout.rows || 24).map((line) => `${line}\x1b[K\n`);
      stdout.write(`${hasScreen ? '' : '\x1b[2J'}\x1b[?7l\x1b[H${lines.join('')}\x1b[J\x1b[?7h`);
      hasScreen = true;
    },
    progress: (text) => {
      if (json || !stderr.isTTY) return;
      clear();
      stderr.write(text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1)));
      hasProgress = true;
    },
    settle: clear,
  };
}

/** One row is left for the cursor. */
function fitRows(lines: readonly string[], rows: number): readonly string[] {
  return lines.length < rows ? lines : [...lines.slice(0, rows - 2), '…'];
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
