import path from 'node:path';
import { toCount, toObject, toObjects, toText } from '../../json-facts.ts';
import { partsOf } from '../models/found-files.ts';
import { requestSource, SourceFailure, type SourceOptions, withRetries } from './source-request.ts';

/** A file that is to be fetched, with what its source says about it. */
export interface RemoteFile {
  readonly url: string;
  readonly name: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
}

const longestListing = 32 * 1024 * 1024;
const mostPages = 20;
/** What is taken where nothing is asked for: what Ollama takes, then what is nearest to it. */
const preferred = [
  'q4_k_m',
  'q4_k_s',
  'q4_0',
  'q4_k_xl',
  'iq4_xs',
  'iq4_nl',
  'mxfp4',
  'q5_k_m',
  'q5_k_s',
  'q5_0',
  'q6_k',
  'q8_0',
  'q3_k_m',
  'bf16',
  'f16',
];

export function hubFileUrl(endpoint: string, repository: string, revision: string, file: string): string {
  const inside = file.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${inside}`;
}

/** The files of the model in a repository that a tag (a quantization, or a file's name) means; of split ones all parts. */
export async function findHubFiles(
  repository: string,
  tag: string | undefined,
  options: SourceOptions,
): Promise<RemoteFile[]> {
  const { endpoint } = options.hub;
  const files = await listRepository(repository, options);
  const models = [...files.keys()].filter((file) => {
    const parts = partsOf(file);
    return isModelFile(file) && parts[0] === file && parts.every((part) => files.has(part));
  });
  if (models.length === 0) throw new SourceFailure(`${repository} has no GGUF files`, { code: 'not-found' });
  const chosen = chooseModel(models, tag);
  if (chosen === undefined) {
    const there = [...new Set(models.map((file) => quantizationOf(file)))].join(', ');
    throw new SourceFailure(`${repository} has no quantization ${tag}; it has ${there}`, { code: 'not-found' });
  }
  return partsOf(chosen).map((file) => ({
    url: hubFileUrl(endpoint, repository, 'main', file),
    name: path.posix.basename(file),
    ...files.get(file),
  }));
}

/** The file that a tag means, or the one to take where there is none. */
export function chooseModel(files: readonly string[], tag: string | undefined): string | undefined {
  const sorted = files.toSorted((a, b) => a.length - b.length || a.localeCompare(b));
  const having = (quantization: string) => {
    const wanted = new RegExp(`(?:^|[^a-z0-9])${quantization.replaceAll('.', '\\.')}(?:[^a-z0-9_]|$)`, 'i');
    return sorted.find((file) => wanted.test(withoutParts(file)));
  };
  if (tag === undefined) {
    for (const quantization of preferred) {
      const file = having(quantization);
      if (file !== undefined) return file;
    }
    return sorted[0];
  }
  const asked = tag.toLowerCase();
  return sorted.find((file) => path.posix.basename(file).toLowerCase() === asked) ?? having(tag);
}

function isModelFile(file: string): boolean {
  return /\.gguf$/i.test(file) && !/(?:^|[-_.])mmproj/i.test(path.posix.basename(file));
}

function withoutParts(file: string): string {
  return file.replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, '');
}

function quantizationOf(file: string): string {
  const stem = withoutParts(path.posix.basename(file));
  return /(?:^|[-_.])((?:UD-)?(?:I?Q\d\w*|BF16|F16|F32|MXFP4\w*))$/i.exec(stem)?.[1] ?? path.posix.basename(file);
}

type ListedFile = Pick<RemoteFile, 'sizeBytes' | 'sha256'>;

async function listRepository(repository: string, options: SourceOptions): Promise<Map<string, ListedFile>> {
  const { endpoint } = options.hub;
  const files = new Map<string, ListedFile>();
  let url: string | undefined = `${endpoint}/api/models/${repository}/tree/main?recursive=true`;
  for (let page = 0; url !== undefined; page++) {
    if (page === mostPages) throw new SourceFailure(`${repository} has more files than can be listed`);
    const at: string = url;
    const { entries, next } = await withRetries(options, () => readPage(at, repository, options));
    for (const entry of entries) {
      const file = toText(entry['path']);
      if (file === undefined || entry['type'] !== 'file') continue;
      const lfs = toObject(entry['lfs']);
      const sizeBytes = toCount(lfs['size'] ?? entry['size']);
      const sha256 = /^(?:sha256:)?([0-9a-f]{64})$/.exec(toText(lfs['oid']) ?? '')?.[1];
      files.set(file, { ...(sizeBytes !== undefined && { sizeBytes }), ...(sha256 !== undefined && { sha256 }) });
    }
    url = next;
  }
  return files;
}

async function readPage(url: string, repository: string, options: SourceOptions) {
  const answer = await requestSource(url, { accept: 'application/json' }, options).catch((cause: unknown) => {
    if (!(cause instanceof SourceFailure) || cause.code !== 'not-found') throw cause;
    const message = `there is no repository ${repository} on ${new URL(url).host}`;
    throw new SourceFailure(message, { code: cause.code, cause });
  });
  const entries = toObjects(await readJson(answer.body, repository));
  return { entries, next: nextPage(answer.headers.get('link'), url) };
}

async function readJson(body: AsyncIterable<Uint8Array>, repository: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > longestListing) throw new SourceFailure(`the list of files of ${repository} is too long`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new SourceFailure(`the list of files of ${repository} is not JSON`, { cause });
  }
}

function nextPage(link: string | null, current: string): string | undefined {
  const next = /<([^>]+)>\s*;\s*rel="next"/.exec(link ?? '')?.[1];
  const url = next === undefined ? null : URL.parse(next, current);
  return url !== null && url.origin === new URL(current).origin ? url.href : undefined;
}
