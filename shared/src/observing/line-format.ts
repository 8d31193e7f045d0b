import { styleText } from 'node:util';
import type { LogLine } from './log-line.ts';

const colours = { error: 'red', warn: 'yellow', info: 'cyan', debug: 'gray' } as const;

/** One JSON object. Facts never stand for what the line itself says: one of the same name gets a mark. */
export function toJsonLine({ timeMs, level, event, facts }: LogLine): string {
  const line: Record<string, unknown> = { timestamp: new Date(timeMs).toISOString(), level, event };
  const entries = Object.entries(facts).map(([name, value]) => [name in line ? `${name}_` : name, value]);
  return JSON.stringify({ ...line, ...Object.fromEntries(entries) });
}

/** For people. */
export function toTerminalLine({ timeMs, level, event, facts }: LogLine): string {
  const time = new Date(timeMs).toISOString().slice(11, 23);
  const shown = Object.entries(facts).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${styleText('dim', `${visible(name)}=`)}${name === 'stack' ? indented(text) : visible(text)}`;
  });
  const head = `${styleText('dim', time)} ${styleText(colours[level], level.padEnd(5))} ${visible(event)}`;
  return shown.length > 0 ? `${head}  ${shown.join(' ')}` : head;
}

/** A stack keeps its lines; none of them can be taken for a line of the log. */
function indented(text: string): string {
  return text.split('\n').map(visible).join('\n      ');
}

/** What could move the cursor, colour the terminal or turn the direction of writing is shown, not done. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
