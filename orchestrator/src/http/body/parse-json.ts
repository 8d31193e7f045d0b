import { isUtf8 } from 'node:buffer';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isValueDeeperThan } from './json-depth.ts';
import { toJsonError, toShortJsonError } from './json-error.ts';
import { type JsonLimits, JsonScan, weightlessBytes } from './json-scan.ts';

/**
 * From this size on text is weighed before it is parsed: megabytes of brackets or names keep the parser busy for seconds. Below it they
 * take milliseconds at most, and looking at the parsed value costs far less than reading its text twice.
 */
const scannedFromBytes = 131_072;

/** Scanned in one go; about two milliseconds where every byte counts. */
const sliceBytes = 1_048_576;

/**
 * Makes JSON values of request bodies, whatever content type they claim, within bounds of depth and number. What is wrong with a body
 * is a `bad-request`.
 */
export class JsonParser {
  readonly #limits: JsonLimits;

  /** The limits may change; they are read for each body. */
  constructor(limits: JsonLimits) {
    this.#limits = limits;
  }

  /** Whether the body is so small that it may be given to `parse`. */
  isSmall(body: Buffer): boolean {
    return body.length < scannedFromBytes && body.length < weightlessBytes(this.#limits.values);
  }

  parse(body: Buffer): unknown {
    checkText(body);
    const text = body.toString('utf8');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw toJsonError(text, error);
    }
    if (isValueDeeperThan(value, this.#limits.depth)) throw tooDeep(this.#limits);
    return value;
  }

  /** The same for a body of any size, with the event loop let go in between. */
  async parseLarge(body: Buffer): Promise<unknown> {
    checkText(body);
    const scan = new JsonScan(body, this.#limits);
    for (;;) {
      const outcome = scan.advance(sliceBytes);
      if (outcome === 'fits') break;
      if (outcome === 'too-deep') throw tooDeep(this.#limits);
      if (outcome === 'too-many') throw tooMany(this.#limits);
      await turn();
    }
    await turn();
    const text = body.toString('utf8');
    await turn();
    try {
      return JSON.parse(text);
    } catch (error) {
      throw toShortJsonError(text, error);
    }
  }
}

function checkText(body: Buffer): void {
  if (body.length === 0) throw new ClusterError('bad-request', 'missing request body');
  if (!isUtf8(body)) throw new ClusterError('bad-request', 'the request body is not valid UTF-8');
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function tooDeep({ depth }: JsonLimits): ClusterError {
  return new ClusterError('bad-request', `the request body nests deeper than ${depth} levels (limits.jsonDepth)`);
}

function tooMany({ values }: JsonLimits): ClusterError {
  return new ClusterError('bad-request', `the request body holds more than ${values} values (limits.jsonValues)`);
}
