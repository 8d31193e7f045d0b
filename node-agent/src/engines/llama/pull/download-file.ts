import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { RemoteFile } from './hub-listing.ts';
import { type ByteRange, PartFile, type SourceIdentity } from './part-file.ts';
import {
  isRetryable,
  requestSource,
  type SourceAnswer,
  SourceFailure,
  type SourceOptions,
  shown,
  withRetries,
} from './source-request.ts';

export interface DownloadOptions extends SourceOptions {
  readonly freeBytes: (folder: string) => Promise<number>;
  /** Bytes that are there, and all there will be; called often. */
  readonly onProgress: (done: number, total: number) => void;
}

/** What a source says about a file before its bytes come. */
interface SourceFacts {
  readonly identity: SourceIdentity;
  readonly takesRanges: boolean;
  readonly sha256: string | undefined;
}

/** The file became another one while it was fetched. */
class FileChanged extends Error {}
/** The source does not give parts of files after all. */
class RangesRefused extends Error {}

const mostRestarts = 3;
/** A try that brought this much counts as a success. */
const goodBytes = 256 * 1024;

/**
 * Fetches a file to `target`, several ranges at once where the source gives ranges, and goes on where an earlier try ended.
 * Gives the hash that the source states, if it states one; the bytes are not checked against it here.
 *
 * @throws ClusterError, or rejects with the signal's reason; what has come is kept in both cases
 */
export async function downloadFile(
  file: RemoteFile,
  target: string,
  options: DownloadOptions,
): Promise<{ sha256: string | undefined }> {
  try {
    let allowsRanges = true;
    for (let restarts = 0; restarts < mostRestarts; restarts++) {
      const facts = await withRetries(options, () => askFacts(file, options));
      try {
        await fetchAll(file, facts, target, allowsRanges && facts.takesRanges, options);
        return { sha256: file.sha256 ?? facts.sha256 };
      } catch (cause) {
        if (cause instanceof RangesRefused) allowsRanges = false;
        else if (!(cause instanceof FileChanged)) throw cause;
        await PartFile.discard(target);
      }
    }
    throw new SourceFailure(`${shown(file.url)} changes while it is fetched`);
  } catch (cause) {
    options.signal.throwIfAborted();
    // A disk that was filled to its end is given back: others need it, too.
    if (isDiskFull(cause)) await PartFile.discard(target);
    throw toPullError(cause);
  }
}

/** Bytes that may still be written to a folder's disk. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function isDiskFull(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
}

export function toPullError(cause: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  if (cause instanceof SourceFailure) return new ClusterError(cause.code, cause.message, { cause });
  return new ClusterError('internal', `the models folder cannot be written: ${describeFileError(cause)}`, { cause });
}

/** @throws ClusterError in words when the folder's disk has no room for so many bytes more */
export async function requireRoom(
  folder: string,
  bytes: number,
  { freeBytes, limits }: Pick<DownloadOptions, 'freeBytes' | 'limits'>,
): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= bytes + limits.reserveBytes) return;
  const needed = `${inWords(bytes)} are still to come, and ${inWords(limits.reserveBytes)} must stay free`;
  throw new ClusterError('internal', `the disk of the models folder has only ${inWords(free)} left: ${needed}`);
}

function inWords(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}

/** A question for one byte: it tells the size, whether ranges are given, and what identifies the file. */
async function askFacts(file: RemoteFile, options: DownloadOptions): Promise<SourceFacts> {
  const answer = await requestSource(file.url, { range: 'bytes=0-0' }, options);
  answer.discard();
  const takesRanges = answer.status === 206;
  const range = takesRanges ? parseContentRange(answer.headers) : undefined;
  const length = answer.status === 200 ? toLength(answer.headers.get('content-length')) : undefined;
  const sizeBytes = range?.sizeBytes ?? length ?? file.sizeBytes ?? answer.linked.sizeBytes;
  if (answer.status === 416 || sizeBytes === 0) throw new SourceFailure(`${shown(file.url)} is empty`);
  if (sizeBytes === undefined) throw new SourceFailure(`${shown(file.url)} does not tell its size`);
  const stated = file.sizeBytes ?? answer.linked.sizeBytes ?? sizeBytes;
  if (stated !== sizeBytes) {
    throw new SourceFailure(`${shown(file.url)} has ${sizeBytes} bytes, and ${stated} by what its source lists`);
  }
  if (sizeBytes > options.limits.fileMaxBytes) {
    throw new SourceFailure(`${shown(file.url)} has ${inWords(sizeBytes)}, more than is ever fetched`);
  }
  const validator = validatorOf(answer.headers);
  return { identity: { url: shown(file.url), sizeBytes, validator }, takesRanges, sha256: answer.linked.sha256 };
}

async function fetchAll(
  file: RemoteFile,
  { identity }: SourceFacts,
  target: string,
  inRanges: boolean,
  options: DownloadOptions,
): Promise<void> {
  const { limits, signal } = options;
  const part = await PartFile.open(target, identity);
  try {
    if (!inRanges && part.doneBytes < identity.sizeBytes) await part.restart();
    await requireRoom(path.dirname(target), identity.sizeBytes - part.doneBytes, options);
    const pieces = part.missing(inRanges ? limits.rangeBytes : identity.sizeBytes);
    // One that fails ends the others.
    const failed = new AbortController();
    const together = { ...options, signal: AbortSignal.any([signal, failed.signal]) };
    const saving = setInterval(() => {
      part.save().catch((cause: unknown) => failed.abort(cause));
    }, limits.saveMs);
    try {
      const workers = Array.from(
        { length: inRanges ? Math.min(limits.parallelRanges, pieces.length) : 1 },
        async () => {
          for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
            await fetchPiece(file.url, piece, inRanges, part, identity, together);
          }
        },
      );
      await allEnded(workers, () => failed.abort());
    } finally {
      clearInterval(saving);
      // A full disk has its own sentence already.
      await part.save().catch(() => undefined);
    }
  } finally {
    await part.close();
  }
}

/** Waits for all, whatever becomes of them; throws the first failure. */
async function allEnded(promises: readonly Promise<void>[], onFailure: () => void): Promise<void> {
  let first: { readonly cause: unknown } | undefined;
  const watched = promises.map((promise) =>
    promise.catch((cause: unknown) => {
      first ??= { cause };
      onFailure();
    }),
  );
  await Promise.all(watched);
  if (first !== undefined) throw first.cause;
}

/** One range, with as many requests as it takes. */
async function fetchPiece(
  url: string,
  { from, to }: ByteRange,
  inRanges: boolean,
  part: PartFile,
  identity: SourceIdentity,
  options: DownloadOptions,
): Promise<void> {
  let position = from;
  // Without ranges every try begins at the beginning.
  while (position < to) {
    const begin = inRanges ? position : from;
    position = await withRetries(options, () => fetchSome(url, { from: begin, to }, inRanges, part, identity, options));
  }
}

/** One request; gives the position it reached, which may be before the end where it brought enough to go on from. */
async function fetchSome(
  url: string,
  { from, to }: ByteRange,
  inRanges: boolean,
  part: PartFile,
  identity: SourceIdentity,
  options: DownloadOptions,
): Promise<number> {
  let position = from;
  try {
    const answer = await requestSource(url, inRanges ? rangeHeaders(from, to, identity) : {}, options);
    checkAnswer(answer, inRanges ? { from, to } : undefined, identity);
    for await (const bytes of answer.body) {
      if (position + bytes.length > to) throw new SourceFailure(`${shown(url)} sends more bytes than it has`);
      await part.write(bytes, position);
      position += bytes.length;
      options.onProgress(part.doneBytes, identity.sizeBytes);
    }
    if (position < to) throw new SourceFailure(`${new URL(url).host} ended the file early`, { isRetryable: true });
  } catch (cause) {
    if (!inRanges || position - from < goodBytes || !isRetryable(cause)) throw cause;
  }
  return position;
}

function rangeHeaders(from: number, to: number, { validator }: SourceIdentity): Record<string, string> {
  // Only a strong ETag can be asked for; others are compared with what comes.
  return { range: `bytes=${from}-${to - 1}`, ...(validator.startsWith('"') && { 'if-range': validator }) };
}

function checkAnswer(answer: SourceAnswer, asked: ByteRange | undefined, identity: SourceIdentity): void {
  const problem = problemOf(answer, asked, identity);
  if (problem === undefined) return;
  answer.discard();
  throw problem;
}

function problemOf(
  { status, headers }: SourceAnswer,
  asked: ByteRange | undefined,
  identity: SourceIdentity,
): Error | undefined {
  if (status === 412 || status === 416) return new FileChanged();
  const validator = validatorOf(headers);
  if (validator !== identity.validator) return new FileChanged();
  if (asked === undefined) {
    if (status !== 200) return new SourceFailure(`${identity.url} answers with a part of the file unasked`);
    const length = toLength(headers.get('content-length'));
    return length === undefined || length === identity.sizeBytes ? undefined : new FileChanged();
  }
  if (status === 200) return new RangesRefused();
  const range = parseContentRange(headers);
  if (range !== undefined && range.sizeBytes !== undefined && range.sizeBytes !== identity.sizeBytes)
    return new FileChanged();
  if (range?.from === asked.from && range.to <= asked.to) return undefined;
  return new SourceFailure(`${identity.url} answers with other bytes than those asked for`, { isRetryable: true });
}

function parseContentRange(headers: Headers): { from: number; to: number; sizeBytes: number | undefined } | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get('content-range') ?? '');
  if (match === null) return undefined;
  return {
    from: Number(match[1]),
    to: Number(match[2]) + 1,
    sizeBytes: match[3] === '*' ? undefined : Number(match[3]),
  };
}

function toLength(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function validatorOf(headers: Headers): string {
  return headers.get('etag') ?? headers.get('last-modified') ?? '';
}
