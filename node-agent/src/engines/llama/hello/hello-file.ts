import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { readGgufHeader } from '../models/gguf-header.ts';
import type { StoredModel } from '../models/model-store.ts';
import { buildHelloModel, helloName } from './hello-model.ts';

/** Writes the stand-in to a file, unless it is there already. Rejects with the file system's error. */
export async function writeHello(file: string): Promise<StoredModel> {
  const model = buildHelloModel();
  const kept = await readFile(file).catch(() => undefined);
  if (kept?.equals(model) !== true) {
    await writeFile(`${file}.new`, model);
    await rename(`${file}.new`, file);
  }
  return {
    name: helloName,
    digest: createHash('sha256').update(model).digest('hex'),
    path: file,
    sizeBytes: model.length,
    modifiedAt: new Date().toISOString(),
    header: readGgufHeader(file),
    scripted: true,
  };
}
