import { toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { RunControl } from '../generation/run-control.ts';
import { describeFile, inspectFile } from './inspect-file.ts';
import { importLibrary, type Library } from './library.ts';
import { type LoadedRunner, loadModel } from './load-model.ts';
import type { FromChild, ModelWork, ToChild } from './protocol.ts';

/*
 * A child of the agent: it holds one model, or reads files. Whatever happens to it happens to the agent's jobs on it and to
 * nothing else. It ends with the agent, in the middle of whatever it computes.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A terminal tells the whole group; what runs is ended by the agent, when it has drained.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const runs = new Map<number, RunControl>();
let library: Promise<Library> | undefined;
let runner: LoadedRunner | undefined;

process.on('message', (message: ToChild) => void take(message));

async function take(message: ToChild): Promise<void> {
  switch (message.type) {
    case 'inspect':
    case 'describe':
      return read(message.type, message.path);
    case 'load':
      try {
        const opened = await (library ??= importLibrary());
        runner = await loadModel(opened, message);
        tell({ type: 'loaded', loaded: runner.loaded });
      } catch (thrown) {
        tell({ type: 'load-failed', message: toClusterError(thrown).message });
      }
      return;
    case 'run':
      return run(message.run, message.work);
    case 'cancel':
      return runs.get(message.run)?.cancel();
    case 'pause':
      return runs.get(message.run)?.pause();
    case 'resume':
      return runs.get(message.run)?.resume();
  }
}

async function read(what: 'inspect' | 'describe', path: string): Promise<void> {
  let opened: Library;
  try {
    opened = await (library ??= importLibrary());
  } catch (thrown) {
    return tell({ type: 'unfit', message: toClusterError(thrown).message });
  }
  try {
    if (what === 'describe') return tell({ type: 'described', path, description: await describeFile(opened, path) });
    const { facts, version } = await inspectFile(opened, path);
    tell({ type: 'inspected', path, facts, library: version });
  } catch (thrown) {
    const { message } = toClusterError(thrown);
    if (thrown instanceof opened.NoBinaryFoundError) tell({ type: 'unfit', message });
    else tell({ type: 'unreadable', path, message });
  }
}

async function run(id: number, work: ModelWork): Promise<void> {
  const control = new RunControl();
  runs.set(id, control);
  try {
    if (runner === undefined) throw new Error('no model is loaded');
    const end = await runner.run(work, control, (events) => tell({ type: 'events', run: id, events }));
    tell({ type: 'ended', run: id, end });
  } catch (thrown) {
    const { code, message, details } = toClusterError(thrown);
    const { param } = details;
    tell({
      type: 'ended',
      run: id,
      end: { outcome: 'failed', failure: { code, message, ...(param === undefined ? {} : { param }) } },
    });
  } finally {
    runs.delete(id);
  }
}

function tell(message: FromChild): void {
  if (process.connected) process.send?.(message);
}
