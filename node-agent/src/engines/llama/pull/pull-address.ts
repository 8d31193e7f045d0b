import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { canonicalName, nameKey, nameOfFile } from '../models/model-name.ts';
import { knownModels } from './known-models.ts';

/** Where a model can be had, and the name it gets. */
export type PullAddress = { readonly name: string } & (
  | { readonly kind: 'hub'; readonly repository: string; readonly tag: string | undefined }
  /** A file of a repository on the hub, by its path there. */
  | { readonly kind: 'hub-file'; readonly repository: string; readonly revision: string; readonly file: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'file'; readonly path: string }
);

const hubPrefix = /^(?:https?:\/\/)?(?:hf\.co|huggingface\.co)\//i;
const repositoryPart = /^[\w][\w.-]{0,95}$/;
const tagForm = /^[\w][\w.-]{0,127}$/;
const hintForms = 'give hf.co/USER/REPOSITORY[:QUANTIZATION], the URL of a GGUF file, or the path of one';

/**
 * Understands what `pull` was given: `hf.co/user/repository[:quantization]`, the URL of a GGUF file, the path of one on this
 * machine (absolute, `~/…` or `file:`), or a short name of the curated list.
 *
 * @throws ClusterError that says what would be understood
 */
export function parsePullAddress(asked: string): PullAddress {
  const text = asked.trim();
  if (text === '' || text.length > 2_048) throw new ClusterError('bad-request', `no model is named; ${hintForms}`);
  if (hubPrefix.test(text)) return parseHub(text, text.replace(hubPrefix, ''));
  if (/^https?:\/\//i.test(text)) return parseUrl(text);
  const file = toFilePath(text);
  if (file !== undefined) return parseFile(file);
  const known = knownModels[nameKey(text)];
  if (known !== undefined) return { ...parsePullAddress(known), name: canonicalName(text) };
  throw unknownName(text);
}

function parseHub(text: string, rest: string): PullAddress {
  const [owner = '', second = '', kind, revision = '', ...inside] =
    rest.split(/[?#]/)[0]?.replace(/\/$/, '').split('/') ?? [];
  const [repository = '', tag, ...more] = second.split(':');
  const isRepository = repositoryPart.test(owner) && repositoryPart.test(repository) && more.length === 0;
  if (!isRepository || (tag !== undefined && !tagForm.test(tag))) {
    throw new ClusterError(
      'bad-request',
      `${text} names no repository; the form is hf.co/USER/REPOSITORY[:QUANTIZATION]`,
    );
  }
  const where = `${owner}/${repository}`;
  if (kind === undefined || kind === 'tree') {
    const latest = tag?.toLowerCase() === 'latest' ? undefined : tag;
    return { kind: 'hub', repository: where, tag: latest, name: canonicalName(`hf.co/${owner}/${second}`) };
  }
  const file = inside.map(decodePart).join('/');
  if (
    (kind !== 'blob' && kind !== 'resolve') ||
    !/\.gguf$/i.test(file) ||
    inside.some((part) => decodePart(part) === '..')
  ) {
    throw new ClusterError('bad-request', `${text} names neither a repository nor a GGUF file of one; ${hintForms}`);
  }
  const name = nameOfFile(path.posix.basename(file));
  return { kind: 'hub-file', repository: where, revision: decodePart(revision), file, name };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function parseUrl(text: string): PullAddress {
  const url = URL.parse(text);
  const file = url === null ? '' : decodePart(path.posix.basename(url.pathname));
  if (url === null || !/\.gguf$/i.test(file) || url.username !== '' || url.password !== '') {
    throw new ClusterError(
      'bad-request',
      `${text} is not the URL of a GGUF file: the path must end in .gguf, without a user before the host`,
    );
  }
  return { kind: 'url', url: url.href, name: nameOfFile(file) };
}

function toFilePath(text: string): string | undefined {
  if (/^file:/i.test(text)) {
    try {
      return fileURLToPath(text);
    } catch {
      throw new ClusterError('bad-request', `${text} is not the address of a file of this machine`);
    }
  }
  if (text === '~' || text.startsWith('~/')) return path.join(homedir(), text.slice(1));
  return path.isAbsolute(text) ? path.normalize(text) : undefined;
}

function parseFile(file: string): PullAddress {
  if (/\.gguf$/i.test(file)) return { kind: 'file', path: file, name: nameOfFile(path.basename(file)) };
  throw new ClusterError('bad-request', `${file} is no GGUF file: its name must end in .gguf`);
}

function unknownName(text: string): ClusterError {
  if (/^\.{0,2}\//.test(text) || /\.gguf$/i.test(text)) {
    return new ClusterError('bad-request', `${text} is relative: give the whole path, as the node sees it`);
  }
  const family = nameKey(text).split(':')[0];
  const names = Object.keys(knownModels).filter((name) => !name.endsWith(':latest'));
  const near = names.filter((name) => name.split(':')[0] === family);
  const known = near.length > 0 ? near : names;
  return new ClusterError(
    'model-not-found',
    `the built-in engine knows no model ${text} to pull, only ${known.join(', ')}; ${hintForms}`,
  );
}
