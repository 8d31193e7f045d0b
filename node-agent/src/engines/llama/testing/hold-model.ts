import { ModelProcess } from '../process/model-process.ts';
import { endlessWork, toOrder } from './endless-work.ts';

// A program with a model that answers without an end; it says the id of the model's process: for tests of what becomes of that.
const [path = ''] = process.argv.slice(2);
const model = await ModelProcess.load(toOrder(path), new AbortController().signal);
let isSaid = false;
model.run(endlessWork, {
  events() {
    if (!isSaid) process.stdout.write(`${model.pid}\n`);
    isSaid = true;
  },
  ended() {},
});
