/** Kinds of metadata values with their numbers in the file format. */
const kindNumbers = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 } as const;
const listNumber = 9;
const float32Tensor = 0;
const alignment = 32;

export type GgufKind = keyof typeof kindNumbers;

/** One metadata value, or a list of values of one kind. */
export interface GgufValue {
  readonly kind: GgufKind;
  readonly value: GgufScalar | readonly GgufScalar[];
}
type GgufScalar = string | number | boolean;

export interface GgufTensor {
  readonly name: string;
  /** Innermost dimension first; its product is the length of `data`. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A whole GGUF file (version 3, little-endian, tensors in float32). */
export function encodeGguf(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Uint8Array<ArrayBuffer> {
  const keys = Object.entries(metadata);
  const header = new ByteWriter();
  header.raw(new TextEncoder().encode('GGUF'));
  header.uint32(3);
  header.uint64(tensors.length);
  header.uint64(keys.length);
  for (const [key, value] of keys) {
    header.string(key);
    writeValue(header, value);
  }
  let dataLength = 0;
  for (const tensor of tensors) {
    header.string(tensor.name);
    header.uint32(tensor.shape.length);
    for (const dimension of tensor.shape) header.uint64(dimension);
    header.uint32(float32Tensor);
    header.uint64(dataLength);
    dataLength += aligned(tensor.data.byteLength);
  }
  const dataStart = aligned(header.length);
  const file = new Uint8Array(dataStart + dataLength);
  file.set(header.bytes());
  let offset = dataStart;
  for (const { data } of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += aligned(data.byteLength);
  }
  return file;
}

function writeValue(writer: ByteWriter, { kind, value }: GgufValue): void {
  if (typeof value !== 'object') {
    writer.uint32(kindNumbers[kind]);
    writer.scalar(kind, value);
    return;
  }
  writer.uint32(listNumber);
  writer.uint32(kindNumbers[kind]);
  writer.uint64(value.length);
  for (const element of value) writer.scalar(kind, element);
}

function aligned(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

/** Bytes that grow as they are written. */
class ByteWriter {
  #view = new DataView(new ArrayBuffer(64 * 1024));
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    const offset = this.#take(bytes.length);
    new Uint8Array(this.#view.buffer).set(bytes, offset);
  }

  uint32(value: number): void {
    const offset = this.#take(4);
    this.#view.setUint32(offset, value, true);
  }

  uint64(value: number): void {
    const offset = this.#take(8);
    this.#view.setBigUint64(offset, BigInt(value), true);
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.uint64(bytes.length);
    this.raw(bytes);
  }

  scalar(kind: GgufKind, value: GgufScalar): void {
    switch (kind) {
      case 'string':
        return this.string(String(value));
      case 'bool':
        return this.raw(Uint8Array.of(value ? 1 : 0));
      case 'uint32':
        return this.uint32(Number(value));
      case 'int32': {
        const offset = this.#take(4);
        return this.#view.setInt32(offset, Number(value), true);
      }
      case 'float32': {
        const offset = this.#take(4);
        return this.#view.setFloat32(offset, Number(value), true);
      }
    }
  }

  /** Makes room; gives the offset of the bytes to write. */
  #take(count: number): number {
    const offset = this.#length;
    this.#length += count;
    if (this.#length > this.#view.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#view.byteLength));
      grown.set(new Uint8Array(this.#view.buffer, 0, offset));
      this.#view = new DataView(grown.buffer);
    }
    return offset;
  }
}
