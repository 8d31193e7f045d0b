import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';

/** What came is no HTTP/1.1 answer, or a broken one. */
export class HttpSyntaxError extends Error {
  override readonly name = 'HttpSyntaxError';
}

/** `closing`: the body goes on until the connection ends. */
type State = 'head' | 'counted' | 'closing' | 'size' | 'chunk' | 'chunk-end' | 'trailer' | 'complete';

const headMaxBytes = 65_536;
const sizeLineMaxBytes = 4_096;
const lf = 10;
const cr = 13;
const headEnd = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);

/**
 * Reads one answer after another off a connection. Everything of a body that is in one piece of input comes out in one piece,
 * however many chunks the server made of it; a body in one stretch is not copied.
 */
export class HttpAnswerReader {
  readonly #onHead: (status: number, headers: EngineHeaders) => void;
  #state: State = 'head';
  #isHeadRequest = false;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  /** The beginning of a head or a line whose end is still to come. */
  #rest: Buffer = nothing;
  #pieces: Buffer[] = [];
  #mayKeep = false;
  #keepMs: number | undefined;

  constructor(onHead: (status: number, headers: EngineHeaders) => void) {
    this.#onHead = onHead;
  }

  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  /** Once it is complete: whether the connection may be used again. */
  get mayKeep(): boolean {
    return this.#mayKeep;
  }

  /** How long the server says it keeps an idle connection; undefined: it does not say. */
  get keepMs(): number | undefined {
    return this.#keepMs;
  }

  /** Makes ready for the answer to the next request. */
  begin(isHeadRequest: boolean): void {
    this.#state = 'head';
    this.#isHeadRequest = isHeadRequest;
    this.#rest = nothing;
    this.#pieces = [];
  }

  /**
   * The body bytes in `input`, undefined when there are none.
   *
   * @throws HttpSyntaxError
   */
  push(input: Buffer): Buffer | undefined {
    const bytes = this.#rest.length === 0 ? input : Buffer.concat([this.#rest, input]);
    this.#rest = nothing;
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next === at) break;
      at = next;
    }
    return this.#takePieces();
  }

  /** The connection ended. True: so does the answer, whole. */
  end(): boolean {
    if (this.#state === 'closing') this.#state = 'complete';
    this.#mayKeep = false;
    return this.#state === 'complete';
  }

  /** Where to read on; `at` itself when more input is needed. */
  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at);
      case 'counted':
      case 'chunk':
        return this.#readBody(bytes, at);
      case 'closing':
        this.#pieces.push(bytes.subarray(at));
        return bytes.length;
      case 'size':
        return this.#readSize(bytes, at);
      case 'chunk-end':
        return this.#readChunkEnd(bytes, at);
      case 'trailer':
        return this.#readTrailer(bytes, at);
      case 'complete':
        throw new HttpSyntaxError('the server said more than its answer');
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(headEnd, at);
    if (end === -1 || end - at > headMaxBytes) {
      if (bytes.length - at > headMaxBytes) throw new HttpSyntaxError('the head of the answer is longer than 64 KiB');
      if (!startsLikeHttp(bytes, at)) throw new HttpSyntaxError('what answers there does not speak HTTP');
      return this.#keep(bytes, at);
    }
    this.#takeHead(bytes.toString('latin1', at, end));
    return end + headEnd.length;
  }

  #takeHead(text: string): void {
    const lineEnd = text.indexOf('\r\n');
    const statusLine = lineEnd === -1 ? text : text.slice(0, lineEnd);
    const status = Number(statusLine.slice(9, 12));
    if (!/^HTTP\/1\.[01] \d{3}/.test(statusLine)) throw new HttpSyntaxError('what answers there does not speak HTTP/1');
    // Interim answers announce the real one.
    if (status < 200) return;
    const headers = lineEnd === -1 ? {} : readHeaders(text, lineEnd + 2);
    const connection = headers['connection']?.toLowerCase() ?? '';
    this.#mayKeep = statusLine.startsWith('HTTP/1.1')
      ? !connection.includes('close')
      : connection.includes('keep-alive');
    const seconds = /timeout=(\d+)/.exec(headers['keep-alive'] ?? '')?.[1];
    this.#keepMs = seconds === undefined ? undefined : Number(seconds) * 1_000;
    this.#state = this.#stateOfBody(status, headers);
    this.#onHead(status, headers);
  }

  #stateOfBody(status: number, headers: Headers): State {
    if (this.#isHeadRequest || status === 204 || status === 304) return 'complete';
    const encoding = headers['transfer-encoding'];
    const length = headers['content-length'];
    if (encoding !== undefined) {
      if (!/(?:^|,\s*)chunked$/i.test(encoding)) throw new HttpSyntaxError(`unknown transfer encoding ${encoding}`);
      // Both is what request smuggling is made of.
      if (length !== undefined) this.#mayKeep = false;
      return 'size';
    }
    if (length === undefined) {
      this.#mayKeep = false;
      return 'closing';
    }
    if (!/^\d{1,15}$/.test(length)) throw new HttpSyntaxError('the length of the answer is no number');
    this.#left = Number(length);
    return this.#left === 0 ? 'complete' : 'counted';
  }

  #readBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#pieces.push(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    this.#left -= end - at;
    if (this.#left === 0) this.#state = this.#state === 'chunk' ? 'chunk-end' : 'complete';
    return end;
  }

  #readSize(bytes: Buffer, at: number): number {
    let size = 0;
    let digits = 0;
    let index = at;
    for (; index < bytes.length; index++) {
      const value = hexValue(bytes[index] ?? 0);
      if (value === -1) break;
      size = size * 16 + value;
      digits++;
    }
    const end = bytes.indexOf(lf, index);
    if (end === -1) {
      if (bytes.length - at > sizeLineMaxBytes) throw new HttpSyntaxError('the size of a chunk is missing');
      return this.#keep(bytes, at);
    }
    if (digits === 0 || digits > 12) throw new HttpSyntaxError('the size of a chunk is no number');
    this.#left = size;
    this.#state = size === 0 ? 'trailer' : 'chunk';
    return end + 1;
  }

  #readChunkEnd(bytes: Buffer, at: number): number {
    if (bytes[at] === lf) {
      this.#state = 'size';
      return at + 1;
    }
    if (bytes[at] !== cr) throw new HttpSyntaxError('a chunk is longer than it said');
    if (at + 1 === bytes.length) return this.#keep(bytes, at);
    if (bytes[at + 1] !== lf) throw new HttpSyntaxError('a chunk is longer than it said');
    this.#state = 'size';
    return at + 2;
  }

  /** Lines after the last chunk, up to an empty one; nobody here wants to know them. */
  #readTrailer(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(lf, at);
    if (end === -1) {
      if (bytes.length - at > headMaxBytes)
        throw new HttpSyntaxError('the trailer of the answer is longer than 64 KiB');
      return this.#keep(bytes, at);
    }
    if (end === at || (end === at + 1 && bytes[at] === cr)) this.#state = 'complete';
    return end + 1;
  }

  #keep(bytes: Buffer, at: number): number {
    this.#rest = bytes.subarray(at);
    return at;
  }

  #takePieces(): Buffer | undefined {
    const pieces = this.#pieces;
    if (pieces.length === 0) return undefined;
    this.#pieces = [];
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }
}

type Headers = Record<string, string | undefined>;

/** Names in lower case; a repeated one has all its values. */
function readHeaders(text: string, from: number): Headers {
  const headers: Headers = Object.create(null);
  let at = from;
  while (at < text.length) {
    const found = text.indexOf('\r\n', at);
    const end = found === -1 ? text.length : found;
    const colon = text.indexOf(':', at);
    if (colon > at && colon < end) {
      const name = text.slice(at, colon).toLowerCase();
      const value = text.slice(colon + 1, end).trim();
      const earlier = headers[name];
      headers[name] = earlier === undefined ? value : `${earlier}, ${value}`;
    }
    at = end + 2;
  }
  return headers;
}

function startsLikeHttp(bytes: Buffer, at: number): boolean {
  const seen = bytes.toString('latin1', at, at + 5);
  return 'HTTP/'.startsWith(seen);
}

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
