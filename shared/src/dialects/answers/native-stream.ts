import { batchKind, type NativeBatch } from '../../chat/answer-batch.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { Remainder } from '../../streams/remainder.ts';
import type { JobStats, ModelRewrite, NativeReader } from '../dialect.ts';
import { type ByteRange, findTopLevelString } from '../json/json-scan.ts';
import type { AnswerReading } from './answer-reading.ts';
import type { Framing } from './framing.ts';
import { type Holes, LineShape } from './line-shape.ts';
import { endedEarly, notJson } from './stream-errors.ts';

export interface NativeStreamOptions {
  readonly framing: Framing;
  readonly reading: AnswerReading;
  /** String values that change from token to token. */
  readonly holes: Holes;
  readonly rewriteModel?: ModelRewrite | undefined;
  readonly stripUsage?: boolean | undefined;
}

const newline = 0x0a;
const nothing = Buffer.alloc(0);
const doneText = '[DONE]';
/** Bits of lines that look alike; anything else comes once or twice in an answer. */
const learnable = batchKind.text | batchKind.thinking | batchKind.opening;
/** Shapes learnt without ever fitting a second line; then it is given up for this answer. */
const mostVainShapes = 8;

/**
 * Passes an engine's stream on, frame by frame, and reads of it what scheduling needs. A frame of a known shape is recognised
 * by its bytes; any other is parsed once. `null`, which llama-server sends before several answers and no client can read, is left out.
 */
export class NativeStream implements NativeReader {
  readonly #framing: Framing;
  readonly #reading: AnswerReading;
  readonly #holes: Holes;
  /** What the model name becomes; undefined once it turns out that the engine says just this. */
  #model: Buffer | undefined;
  readonly #stripUsage: boolean;
  readonly #rest = new Remainder();
  #shape: LineShape | undefined;
  #vainShapes = 0;
  #isEnded = false;
  /** Of the chunk at hand. */
  #kinds = 0;
  #deltas = 0;
  /** Of the chunk at hand: start and end of what is replaced, and 1 for the model name, 0 for nothing. */
  #edits: number[] = [];

  constructor(options: NativeStreamOptions) {
    const { framing, reading, holes, rewriteModel, stripUsage } = options;
    this.#framing = framing;
    this.#reading = reading;
    this.#holes = holes;
    this.#model = rewriteModel === undefined ? undefined : Buffer.from(JSON.stringify(rewriteModel.to));
    this.#stripUsage = stripUsage ?? false;
  }

  push(chunk: Uint8Array): NativeBatch | undefined {
    if (this.#isEnded) return undefined;
    if (chunk[chunk.length - 1] !== newline && !chunk.includes(newline)) {
      this.#rest.hold(chunk);
      return undefined;
    }
    return this.#take(this.#rest.joinedWith(chunk));
  }

  finish(): { readonly end: JobStats; readonly batch?: NativeBatch } {
    const batch = this.#isEnded ? undefined : this.#takeRest();
    return { end: this.#reading.stats, ...(batch === undefined ? {} : { batch }) };
  }

  #takeRest(): NativeBatch {
    const { terminator } = this.#framing;
    let batch: NativeBatch | undefined;
    if (this.#rest.bytes > 0) {
      try {
        batch = this.#take(this.#rest.joinedWith(terminator));
      } catch (thrown) {
        // What the engine said of itself counts; that half a line is no JSON is no news.
        if (thrown instanceof ClusterError && thrown.details.engineMessage !== undefined) throw thrown;
        throw endedEarly(thrown);
      }
    }
    if (this.#isEnded && batch !== undefined) return batch;
    const { endFrame, isComplete } = this.#reading;
    if (!isComplete || endFrame === undefined) throw endedEarly();
    this.#isEnded = true;
    const bytes = batch === undefined ? endFrame : Buffer.concat([batch.bytes, endFrame]);
    return { form: 'native', kinds: (batch?.kinds ?? 0) | batchKind.end, deltas: batch?.deltas ?? 0, bytes };
  }

  #take(bytes: Buffer): NativeBatch | undefined {
    this.#kinds = 0;
    this.#deltas = 0;
    let at = 0;
    while (at < bytes.length) {
      const known = this.#shape === undefined ? -1 : this.#match(this.#shape, bytes, at);
      if (known !== -1) {
        at = known;
        continue;
      }
      const end = this.#framing.endOf(bytes, at);
      if (end === -1) break;
      this.#read(bytes, at, end);
      at = end;
      if (this.#isEnded) break;
    }
    if (!this.#isEnded) this.#rest.hold(bytes.subarray(at));
    if (at === 0) return undefined;
    const passed = this.#edits.length === 0 ? bytes.subarray(0, at) : this.#edited(bytes, at);
    return passed.length === 0
      ? undefined
      : { form: 'native', kinds: this.#kinds, deltas: this.#deltas, bytes: passed };
  }

  #match(shape: LineShape, bytes: Buffer, at: number): number {
    const end = shape.match(bytes, at);
    if (end === -1) return -1;
    this.#vainShapes = 0;
    if (shape.kinds === 0) {
      this.#kinds |= batchKind.opening;
    } else {
      this.#kinds |= shape.kinds;
      this.#deltas++;
    }
    if (this.#model !== undefined) this.#edits.push(shape.markedAt, shape.markedAt + shape.markedLength, 1);
    return end;
  }

  #read(bytes: Buffer, start: number, end: number): void {
    const text = this.#framing.textOf(bytes, start, end);
    if (text === undefined) {
      this.#kinds |= batchKind.opening;
      return;
    }
    if (text === doneText) {
      this.#kinds |= batchKind.end;
      this.#isEnded = true;
      return;
    }
    const value = parse(text);
    if (value === null) {
      this.#kinds |= batchKind.opening;
      this.#edits.push(start, end, 0);
      return;
    }
    const kinds = this.#reading.read(value);
    if (this.#stripUsage && this.#reading.isUsageOnly(value)) {
      this.#edits.push(start, end, 0);
      return;
    }
    this.#kinds |= kinds;
    if ((kinds & (batchKind.text | batchKind.thinking)) !== 0) this.#deltas++;
    if ((kinds & batchKind.end) !== 0) this.#isEnded = true;
    const frame = { start, end };
    const model = this.#findModel(bytes, start, end);
    if (model !== undefined) this.#edits.push(model.start, model.end, 1);
    if ((kinds & ~learnable) === 0 && this.#framing.isPlain(bytes, start, end)) this.#learn(bytes, frame, kinds, model);
  }

  #findModel(bytes: Buffer, start: number, end: number): ByteRange | undefined {
    if (this.#model === undefined) return undefined;
    const model = findTopLevelString(bytes, 'model', start, end);
    if (model === undefined || this.#model.compare(bytes, model.start, model.end) !== 0) return model;
    this.#model = undefined;
    return undefined;
  }

  #learn(bytes: Buffer, frame: ByteRange, kinds: number, model: ByteRange | undefined): void {
    if (this.#vainShapes > mostVainShapes || (this.#model !== undefined && model === undefined)) return;
    this.#vainShapes++;
    const shape = LineShape.learn(bytes, frame, this.#holes, model);
    // It must see in this very frame what the reading saw.
    if (shape === undefined || shape.match(bytes, frame.start) !== frame.end) return;
    if (shape.kinds === (kinds & ~batchKind.opening)) this.#shape = shape;
  }

  #edited(bytes: Buffer, end: number): Buffer {
    const edits = this.#edits;
    this.#edits = [];
    const model = this.#model ?? nothing;
    let length = end;
    for (let index = 0; index < edits.length; index += 3) {
      const cut = (edits[index + 1] as number) - (edits[index] as number);
      length += (edits[index + 2] === 1 ? model.length : 0) - cut;
    }
    const out = Buffer.allocUnsafe(length);
    let from = 0;
    let to = 0;
    for (let index = 0; index < edits.length; index += 3) {
      to += bytes.copy(out, to, from, edits[index]);
      if (edits[index + 2] === 1) to += model.copy(out, to);
      from = edits[index + 1] as number;
    }
    bytes.copy(out, to, from, end);
    return out;
  }
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(error);
  }
}
