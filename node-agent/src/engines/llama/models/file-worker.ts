import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import type { FileAnswer, FileTask } from './file-checks.ts';
import { GgufProblem, readGgufHeader } from './gguf-header.ts';

/** The thread of FileChecks: reads big files so that the agent's event loop does not have to. */
const port = parentPort;
if (port === null) throw new Error('this file is started as a worker');

const stops = new Map<number, AbortController>();

port.on('message', (task: FileTask) => {
  if (task.kind === 'stop') stops.get(task.id)?.abort();
  else void answer(task);
});

async function answer(task: Exclude<FileTask, { kind: 'stop' }>): Promise<void> {
  const stop = new AbortController();
  stops.set(task.id, stop);
  try {
    const result: FileAnswer =
      task.kind === 'header'
        ? { id: task.id, header: readGgufHeader(task.path) }
        : { id: task.id, sha256: await hash(task.path, task.id, stop.signal) };
    port?.postMessage(result);
  } catch (cause) {
    const problem = cause instanceof GgufProblem ? cause.message : `cannot be read: ${describeFileError(cause)}`;
    port?.postMessage({ id: task.id, problem, isFormat: cause instanceof GgufProblem } satisfies FileAnswer);
  } finally {
    stops.delete(task.id);
  }
}

async function hash(path: string, id: number, signal: AbortSignal): Promise<string> {
  const digest = createHash('sha256');
  let done = 0;
  let told = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    digest.update(chunk as Buffer);
    done += (chunk as Buffer).length;
    if (done - told < 64 * 1024 * 1024) continue;
    told = done;
    port?.postMessage({ id, hashedBytes: done } satisfies FileAnswer);
  }
  return digest.digest('hex');
}
