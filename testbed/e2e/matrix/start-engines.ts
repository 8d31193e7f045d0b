import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeScriptedGguf } from '@waggle/node-agent/engines/llama/hello/scripted-gguf.ts';
import { ProcessCluster, until } from '../../src/cluster/process-cluster.ts';
import { startOllamaEngine } from '../../src/engines/ollama/start-ollama-engine.ts';
import { startOpenAiEngine } from '../../src/engines/openai/start-openai-engine.ts';
import type { ScriptedEngine } from '../../src/engines/scripted-engine.ts';
import type { ScriptedModel } from '../../src/engines/scripted-model.ts';
import { aspects } from './client-api.ts';
import type { MatrixEngine } from './matrix-engine.ts';

const words = 'One two three four five six seven eight nine ten.';
const thought = 'Let me see.';
const concluded = 'It is done.';
const report = 'The tool says so.';
const tool = {
  name: 'look_up',
  parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
};
const given = { city: 'Oslo', days: 2 };

const common = {
  shows: new Set(aspects),
  words: { all: words, firstThree: 'One two three', stop: ' six', beforeStop: 'One two three four five' },
  thought,
  concluded,
  tool,
  given,
  report,
};

export interface StartedEngines extends AsyncDisposable {
  readonly url: string;
  readonly engines: readonly MatrixEngine[];
}

/** A cluster of engines that say the same: a scripted one of each family, and the built-in one where its library is. */
export async function startEngines({ withBuiltin }: { readonly withBuiltin: boolean }): Promise<StartedEngines> {
  await using stack = new AsyncDisposableStack();
  const ollama = stack.use(await startOllamaEngine({ models: toModels('ollama'), maxLoadedModels: 8 }));
  const vllm = stack.use(await startOpenAiEngine({ models: toModels('vllm') }));
  const folder = await mkdtemp(path.join(tmpdir(), 'waggle-matrix-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const agents: Parameters<typeof ProcessCluster.start>[0]['agents'][number][] = [
    { name: 'desk', engineUrl: ollama.url, env: { OLLAMA_MAX_LOADED_MODELS: '8' } },
    { name: 'rack', engineUrl: `${vllm.url}/v1` },
  ];
  if (withBuiltin) {
    await writeModels(path.join(folder, 'models'));
    agents.push({ name: 'hut', data: folder, env: { OLLAMA_HOST: '127.0.0.1:9' } });
  }
  const cluster = stack.use(await ProcessCluster.start({ agents }));
  if (withBuiltin)
    await until(async () => (await cluster.node('hut'))?.engines.some(({ models }) => models === 2) === true);
  const parts = stack.move();
  const engines = [
    { ...common, ...toScripted(ollama, 'ollama'), name: 'Ollama', node: 'desk' },
    { ...common, ...toScripted(vllm, 'vllm'), name: 'OpenAI-compatible', node: 'rack' },
    { ...common, models: builtinModels, name: 'built-in', node: 'hut', checkImage: () => undefined },
  ];
  return {
    url: cluster.url,
    engines: withBuiltin ? engines : engines.slice(0, 2),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function toModels(prefix: string): readonly ScriptedModel[] {
  return [
    { name: `${prefix}-words`, answer: { kind: 'text', text: words } },
    { name: `${prefix}-thinker`, thinking: { kind: 'text', text: thought }, answer: { kind: 'text', text: concluded } },
    {
      name: `${prefix}-caller`,
      toolCall: { name: tool.name, arguments: given },
      answer: { kind: 'text', text: report },
    },
    { name: `${prefix}-seer`, capabilities: ['completion', 'vision'], answer: { kind: 'text', text: report } },
    { name: `${prefix}-endless`, answer: { kind: 'endless' }, decodeMsPerToken: 5 },
  ];
}

function toScripted(engine: ScriptedEngine, prefix: string) {
  const { control, requests } = engine;
  return {
    models: {
      words: `${prefix}-words`,
      thinker: `${prefix}-thinker`,
      caller: `${prefix}-caller`,
      seer: `${prefix}-seer`,
      endless: `${prefix}-endless`,
    },
    checkImage(base64: string) {
      if (!JSON.stringify(requests.all.at(-1)?.body).includes(base64)) throw new Error('the image did not arrive');
    },
    fail(how: 'refuse' | 'break', text: string) {
      const refusal = { kind: 'status', status: 400, body: JSON.stringify({ error: text }) } as const;
      control.inject(how === 'refuse' ? refusal : { kind: 'cut', afterDeltas: 3 }, { times: 1 });
    },
    async left() {
      await requests.waitFor(({ clientGoneAt }) => clientGoneAt !== undefined);
      requests.clear();
    },
  };
}

const builtinModels = {
  words: 'speaker',
  thinker: 'thinker',
  caller: 'speaker',
  seer: 'speaker',
  endless: 'speaker',
};

const messages = `{% for message in messages %}{{ message.role }}: {{ message.content.split('</think>')[-1] }}\
{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}
{% endfor %}`;

/** What is said hangs on the conversation: its last message, and whether there are tools. */
async function writeModels(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeScriptedGguf(path.join(folder, 'speaker.gguf'), {
    name: 'speaker',
    scripts: {
      '<|words|>': words,
      '<|call|>': `<tool_call>\n${JSON.stringify({ name: tool.name, arguments: given })}\n</tool_call>`,
      '<|report|>': report,
      '<|on|>': 'on and on and ',
    },
    endless: ['<|on|>'],
    template: `{% if tools %}{{ tools | tojson }}{% endif %}${messages.replace(".split('</think>')[-1]", '')}\
{% if add_generation_prompt %}{% if messages[-1].role == 'tool' %}<|report|>{% elif tools %}<|call|>\
{% elif 'on and on' in messages[-1].content %}<|on|>{% else %}<|words|>{% endif %}{% endif %}`,
  });
  await writeScriptedGguf(path.join(folder, 'thinker.gguf'), {
    name: 'thinker',
    scripts: { '<|think|>': `<think>\n${thought}\n</think>\n\n${concluded}`, '<|answer|>': concluded },
    template: `${messages}{% if add_generation_prompt %}{% if enable_thinking is defined and not enable_thinking %}<|answer|>\
{% else %}<|think|>{% endif %}{% endif %}`,
  });
}
