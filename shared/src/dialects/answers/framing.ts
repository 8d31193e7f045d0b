import { endOfEvent } from '../../streams/sse.ts';

/** How a family cuts its streams into JSON texts. */
export interface Framing {
  /** Index behind the frame that begins at `start`, or -1 while it is not complete. */
  endOf(bytes: Buffer, start: number): number;
  /** The JSON text of a frame; undefined if it carries none (an empty line, a comment). */
  textOf(bytes: Buffer, start: number, end: number): string | undefined;
  /** True: the frame is nothing but its JSON text on one line. */
  isPlain(bytes: Buffer, start: number, end: number): boolean;
  /** What ends a frame that the stream's end cut off right behind its text. */
  readonly terminator: Buffer;
}

const newline = 0x0a;

/** One JSON text per line. */
export const ndjsonFraming: Framing = {
  endOf: (bytes, start) => bytes.indexOf(newline, start) + 1 || -1,
  textOf(bytes, start, end) {
    const text = bytes.toString('utf8', start, end).trim();
    return text === '' ? undefined : text;
  },
  isPlain: () => true,
  terminator: Buffer.from('\n'),
};

/** Server-sent events, the JSON text in their data. */
export const sseFraming: Framing = {
  endOf: endOfEvent,
  textOf(bytes, start, end) {
    if (this.isPlain(bytes, start, end)) {
      const from = bytes[start + 5] === 0x20 ? start + 6 : start + 5;
      return bytes.toString('utf8', from, end - 2);
    }
    return dataOf(bytes.toString('utf8', start, end));
  },
  isPlain(bytes, start, end) {
    return (
      end - start > 7 &&
      bytes[end - 1] === newline &&
      bytes[end - 2] === newline &&
      startsWithData(bytes, start) &&
      bytes.indexOf(newline, start) === end - 2
    );
  },
  terminator: Buffer.from('\n\n'),
};

function startsWithData(bytes: Buffer, start: number): boolean {
  return (
    bytes[start] === 0x64 &&
    bytes[start + 1] === 0x61 &&
    bytes[start + 2] === 0x74 &&
    bytes[start + 3] === 0x61 &&
    bytes[start + 4] === 0x3a
  );
}

/** Data of an event in any form. Older llama-server sends its errors as a field named `error`. */
function dataOf(event: string): string | undefined {
  const data: string[] = [];
  for (const line of event.split(/\r\n|\n|\r/)) {
    const value = /^(data|error)(?:: ?(.*))?$/.exec(line);
    if (value === null) continue;
    data.push(value[1] === 'error' ? `{"error":${value[2] ?? 'null'}}` : (value[2] ?? ''));
  }
  return data.length === 0 ? undefined : data.join('\n');
}
