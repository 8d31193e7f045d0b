import { createReadStream, createWriteStream } from 'node:fs';
import { link, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { partsOf } from '../models/found-files.ts';
import { type DownloadOptions, requireRoom } from './download-file.ts';
import { type HashDeps, hashFile } from './hash-file.ts';
import { PartFile } from './part-file.ts';
import type { PullReport } from './shared-pull.ts';

export interface LocalFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The file, and the other parts where it is one of several, hashed. @throws ClusterError */
export async function findLocalFiles(file: string, deps: HashDeps): Promise<LocalFile[]> {
  const paths = partsOf(path.basename(file)).map((name) => path.join(path.dirname(file), name));
  const sizes: number[] = [];
  for (const part of paths) {
    const facts = await stat(part).catch((cause: unknown) => {
      throw new ClusterError('not-found', `${part} cannot be read: ${describeRead(cause)}`, { cause });
    });
    if (!facts.isFile()) throw new ClusterError('bad-request', `${part} is no file`);
    // Before anything of it is hashed: a file that is no model is none of ours to read through.
    const outcome = await deps.checks.readHeader(part);
    if (outcome.kind !== 'model') throw new ClusterError('bad-request', `${part} ${outcome.problem}`);
    sizes.push(facts.size);
  }
  const files: LocalFile[] = [];
  for (const [index, part] of paths.entries()) {
    const sizeBytes = sizes[index] ?? 0;
    files.push({ path: part, sizeBytes, sha256: await hashFile(part, sizeBytes, deps) });
  }
  return files;
}

/**
 * Brings files into a folder: as a second name of the same bytes where the disk is the same, else as a copy; the lines say
 * which. A file that is linked must not be written to by its owner afterwards.
 */
export async function bringLocalFiles(
  files: readonly LocalFile[],
  folder: string,
  options: Omit<DownloadOptions, 'onProgress'> & { readonly report: PullReport },
): Promise<string[]> {
  const brought: string[] = [];
  for (const { path: from, sizeBytes, sha256 } of files) {
    const to = path.join(folder, path.basename(from));
    const digest = `sha256:${sha256}`;
    await PartFile.discard(to);
    try {
      await link(from, to);
      options.report.line({ status: `linking ${from}`, digest, total: sizeBytes, completed: sizeBytes });
    } catch {
      // Another disk, or one without links.
      await requireRoom(folder, sizeBytes, options);
      const line = (completed: number) =>
        options.report.line({ status: `copying ${from}`, digest, total: sizeBytes, completed });
      let next = 0;
      let done = 0;
      await pipeline(
        createReadStream(from, { highWaterMark: 1024 * 1024 }),
        async function* count(chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            yield chunk;
            done += chunk.length;
            if (performance.now() < next) continue;
            next = performance.now() + options.limits.progressMs;
            line(done);
          }
        },
        createWriteStream(to, { mode: 0o600 }),
        { signal: options.signal },
      );
      line(done);
    }
    brought.push(to);
  }
  return brought;
}

function describeRead(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT') return 'there is no such file on the node';
  if (code === 'EACCES' || code === 'EPERM') return 'the node may not read it';
  return describeFileError(cause);
}
