import { maxFrameBytes, Remainder } from './remainder.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;
const nothing = new Uint8Array(0);

/** Cuts chunks into lines, as Ollama's streams have them. Empty lines are left out, line ends are not part of a line. */
export class LineSplitter {
  readonly #rest: Remainder;

  /** Lines of more than `maxLineBytes` are refused. */
  constructor(maxLineBytes: number = maxFrameBytes) {
    this.#rest = new Remainder(maxLineBytes);
  }

  /** The lines that are complete now. Throws `engine-failed` for a line beyond the bound. */
  push(chunk: Uint8Array): Buffer[] {
    if (!chunk.includes(newline)) {
      this.#rest.hold(chunk);
      return [];
    }
    const bytes = this.#rest.joinedWith(chunk);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
      addLine(lines, bytes, start, end);
      start = end + 1;
    }
    this.#rest.hold(bytes.subarray(start));
    return lines;
  }

  /** The stream ended: a last line without a line end, if there is one. */
  end(): Buffer[] {
    const lines: Buffer[] = [];
    const bytes = this.#rest.joinedWith(nothing);
    addLine(lines, bytes, 0, bytes.length);
    return lines;
  }
}

function addLine(lines: Buffer[], bytes: Buffer, start: number, end: number): void {
  const stop = end > start && bytes[end - 1] === carriageReturn ? end - 1 : end;
  if (stop > start) lines.push(bytes.subarray(start, stop));
}

/** The lines of a stream of chunks. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number = maxFrameBytes,
): AsyncGenerator<Buffer, void, undefined> {
  const splitter = new LineSplitter(maxLineBytes);
  for await (const chunk of chunks) yield* splitter.push(chunk);
  yield* splitter.end();
}
