import { ModelProcess } from '../process/model-process.ts';
import type { ModelWork } from '../process/protocol.ts';

// A program with a model that answers without an end; it says the id of the model's process: for tests of what becomes of that.
const [path = ''] = process.argv.slice(2);
const order = { path, numCtx: 512, slots: 1, threads: 1, embeds: false };
const work: ModelWork = {
  request: { kind: 'generate', model: 'm', stream: true, raw: true, prompt: '<|on|>', sampling: { maxTokens: 1e9 } },
  stream: true,
  truncates: true,
  shifts: true,
  normalises: true,
  defaults: { temperature: 0, topP: 1 },
};
const model = await ModelProcess.load(order, new AbortController().signal);
let isSaid = false;
model.run(work, {
  events() {
    if (!isSaid) process.stdout.write(`${model.pid}\n`);
    isSaid = true;
  },
  ended() {},
});
