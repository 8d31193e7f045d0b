import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What a GGUF says about itself before its weights begin. */
export interface GgufHeader {
  readonly architecture: string;
  /** Scalar values by key; lists and texts of more than a megabyte are left out. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  /** Tokens of the vocabulary; 0 where the file has none. */
  readonly vocabularySize: number;
  readonly parameterCount: number;
  /** The parts a split model has; 1 for others. */
  readonly splitCount: number;
  readonly sizeBytes: number;
}

const magic = 0x46554747;
const longestKept = 1024 * 1024;
/** More of these is no model of anybody. */
const most = { keys: 100_000, tensors: 1_000_000, dimensions: 4, listLength: 100_000_000 };
const scalarSizes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const stringType = 8;
const listType = 9;

/** Weights per block and bytes per block of the tensor types of ggml. */
const tensorBlocks: Readonly<Record<number, readonly [weights: number, bytes: number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  9: [32, 36],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  16: [256, 66],
  17: [256, 74],
  18: [256, 98],
  19: [256, 50],
  20: [32, 18],
  21: [256, 110],
  22: [256, 82],
  23: [256, 136],
  24: [1, 1],
  25: [1, 2],
  26: [1, 4],
  27: [1, 8],
  28: [1, 8],
  29: [256, 56],
  30: [1, 2],
  34: [256, 54],
  35: [256, 66],
  39: [32, 17],
};

/** Why a file is no model that could be loaded, as a clause that follows its name. */
export class GgufProblem extends Error {
  override readonly name = 'GgufProblem';
}

/**
 * Reads a file's header and checks that all its weights are there. Blocks for as long as the disk takes: not for an event loop
 * that others wait for.
 *
 * @throws GgufProblem, or the file system's error
 */
export function readGgufHeader(path: string): GgufHeader {
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new GgufProblem('is no file');
    return parseHeader(new FileReader(file, stat.size));
  } finally {
    closeSync(file);
  }
}

/** Projectors and adapters belong to another model and cannot be loaded by themselves. */
export function isLanguageModel({ architecture, metadata }: GgufHeader): boolean {
  const type = metadata['general.type'];
  return architecture !== '' && architecture !== 'clip' && (type === undefined || type === 'model');
}

function parseHeader(reader: FileReader): GgufHeader {
  if (reader.size < 24 || reader.uint32() !== magic) throw new GgufProblem('is not in the GGUF format');
  const version = reader.uint32();
  if (version !== 2 && version !== 3) throw new GgufProblem(`is a GGUF of version ${version}, which is not supported`);
  const tensorCount = reader.count(most.tensors);
  const keyCount = reader.count(most.keys);
  const metadata: Record<string, string | number | boolean> = {};
  let vocabularySize = 0;
  for (let index = 0; index < keyCount; index++) {
    const key = reader.string() ?? '';
    const type = reader.uint32();
    if (type === listType) {
      const length = reader.skipList();
      if (key === 'tokenizer.ggml.tokens') vocabularySize = length;
    } else {
      const value = reader.value(type);
      if (value !== undefined) metadata[key] = value;
    }
  }
  let parameterCount = 0;
  let dataLength = 0;
  for (let index = 0; index < tensorCount; index++) {
    reader.string();
    const dimensions = reader.uint32();
    if (dimensions > most.dimensions) throw new GgufProblem('is damaged: a tensor has too many dimensions');
    let weights = 1;
    for (let dimension = 0; dimension < dimensions; dimension++) weights *= reader.count(Number.MAX_SAFE_INTEGER);
    const [perBlock, blockBytes] = tensorBlocks[reader.uint32()] ?? [1, 0];
    const offset = reader.count(Number.MAX_SAFE_INTEGER);
    parameterCount += weights;
    dataLength = Math.max(dataLength, offset + (weights / perBlock) * blockBytes);
  }
  const alignment = typeof metadata['general.alignment'] === 'number' ? metadata['general.alignment'] : 32;
  const dataStart = Math.ceil(reader.position / alignment) * alignment;
  if (dataStart + dataLength > reader.size) {
    throw new GgufProblem(`is not complete: ${reader.size} of ${dataStart + dataLength} bytes are there`);
  }
  const splitCount = metadata['split.count'];
  return {
    architecture: String(metadata['general.architecture'] ?? ''),
    metadata,
    vocabularySize,
    parameterCount,
    splitCount: typeof splitCount === 'number' && splitCount > 1 ? splitCount : 1,
    sizeBytes: reader.size,
  };
}

/** Reads a file from its beginning, piece by piece. */
class FileReader {
  readonly size: number;
  readonly #file: number;
  readonly #buffer = Buffer.allocUnsafe(256 * 1024);
  /** Where in the file the buffer begins, how much of it is filled, and how far it was read. */
  #start = 0;
  #filled = 0;
  #offset = 0;

  constructor(file: number, size: number) {
    this.#file = file;
    this.size = size;
  }

  get position(): number {
    return this.#start + this.#offset;
  }

  uint32(): number {
    return this.#take(4).readUInt32LE();
  }

  /** A 64-bit count, refused beyond `limit`. */
  count(limit: number): number {
    const value = this.#take(8).readBigUInt64LE();
    if (value > BigInt(limit)) throw new GgufProblem('is damaged: a count is impossible');
    return Number(value);
  }

  /** Undefined where it is too long to keep. */
  string(): string | undefined {
    const length = this.#length();
    if (length > longestKept) {
      this.#skip(length);
      return undefined;
    }
    return this.#take(length).toString('utf8');
  }

  value(type: number): string | number | boolean | undefined {
    if (type === stringType) return this.string();
    const size = scalarSizes[type];
    if (size === undefined) throw new GgufProblem(`is damaged: there is no value of type ${type}`);
    const bytes = this.#take(size);
    switch (type) {
      case 0:
        return bytes.readUInt8();
      case 1:
        return bytes.readInt8();
      case 2:
        return bytes.readUInt16LE();
      case 3:
        return bytes.readInt16LE();
      case 4:
        return bytes.readUInt32LE();
      case 5:
        return bytes.readInt32LE();
      case 6:
        return bytes.readFloatLE();
      case 7:
        return bytes.readUInt8() !== 0;
      case 10:
        return Number(bytes.readBigUInt64LE());
      case 11:
        return Number(bytes.readBigInt64LE());
      default:
        return bytes.readDoubleLE();
    }
  }

  /** Of a text, which cannot be longer than what is left of the file. */
  #length(): number {
    const length = this.#take(8).readBigUInt64LE();
    if (length > BigInt(this.size - this.position)) throw this.#endsEarly();
    return Number(length);
  }

  /** Gives the list's length. */
  skipList(): number {
    const type = this.uint32();
    const length = this.count(most.listLength);
    const size = scalarSizes[type];
    if (size !== undefined) this.#skip(size * length);
    else if (type === stringType) for (let index = 0; index < length; index++) this.#skip(this.#length());
    else throw new GgufProblem(`is damaged: there is no list of type ${type}`);
    return length;
  }

  /** The next bytes; valid until the next call. */
  #take(length: number): Buffer {
    if (length > this.#buffer.length) return this.#takeLong(length);
    if (this.#offset + length > this.#filled) this.#refill(length);
    const offset = this.#offset;
    this.#offset += length;
    return this.#buffer.subarray(offset, offset + length);
  }

  #takeLong(length: number): Buffer {
    if (this.position + length > this.size) throw this.#endsEarly();
    const bytes = Buffer.alloc(length);
    if (readSync(this.#file, bytes, 0, length, this.position) < length) throw this.#endsEarly();
    this.#skip(length);
    return bytes;
  }

  #refill(length: number): void {
    if (this.position + length > this.size) throw this.#endsEarly();
    this.#start = this.position;
    this.#offset = 0;
    this.#filled = readSync(this.#file, this.#buffer, 0, this.#buffer.length, this.#start);
    if (this.#filled < length) throw this.#endsEarly();
  }

  #skip(length: number): void {
    if (this.position + length > this.size) throw this.#endsEarly();
    this.#offset += length;
    if (this.#offset <= this.#filled) return;
    this.#start += this.#offset;
    this.#offset = 0;
    this.#filled = 0;
  }

  #endsEarly(): GgufProblem {
    return new GgufProblem(`is not complete: its header goes beyond its ${this.size} bytes`);
  }
}
