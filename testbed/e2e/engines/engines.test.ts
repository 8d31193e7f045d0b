import { createEngine } from '@waggle/node-agent/engines/create-engine.ts';
import type { Engine } from '@waggle/node-agent/engines/engine.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { startOllamaEngine } from '../../src/engines/ollama/start-ollama-engine.ts';
import { startOpenAiEngine } from '../../src/engines/openai/start-openai-engine.ts';
import type { ScriptedEngine } from '../../src/engines/scripted-engine.ts';
import { describeEngineContract, type EngineUnderTest } from './engine-contract.ts';

const clock = systemClock;

async function end(engine: Engine, server: ScriptedEngine): Promise<void> {
  await engine.close();
  await server[Symbol.asyncDispose]();
}

function readLines(text: string): readonly Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describeEngineContract({
  kind: 'ollama',
  async start(models) {
    const server = await startOllamaEngine({ models, slots: 16 });
    const engine = createEngine({ engineId: 'e1', dialect: 'ollama', url: server.url, settings: { slots: 16 }, clock });
    return { server, engine, close: () => end(engine, server) };
  },
  toName: (model) => `${model}:latest`,
  native: 'ollama.chat',
  foreign: 'openai.chat',
  nativeEmbedding: 'ollama.embed',
  foreignEmbedding: 'openai.embeddings',
  readAnswer({ text }) {
    const lines = readLines(text);
    return {
      said: lines.map((line) => (line['message'] as { content: string }).content).join(''),
      models: lines.map((line) => String(line['model'])),
    };
  },
});

function openAi(flavour: 'vllm' | 'llama-server' | 'lm-studio'): EngineUnderTest {
  return {
    kind: flavour,
    async start(models) {
      const server = await startOpenAiEngine({ models, flavour, slots: 16 });
      const url = `${server.url}/v1`;
      const engine = createEngine({ engineId: 'e1', dialect: 'openai', url, settings: { slots: 16 }, clock });
      return { server, engine, close: () => end(engine, server) };
    },
    toName: (model) => model,
    native: 'openai.chat',
    foreign: 'ollama.chat',
    nativeEmbedding: 'openai.embeddings',
    foreignEmbedding: 'ollama.embed',
    readAnswer({ text }) {
      const objects = text.startsWith('data: ')
        ? text
            .split('\n\n')
            .filter((event) => event !== '' && event !== 'data: [DONE]')
            .map((event): Record<string, unknown> => JSON.parse(event.slice('data: '.length)))
        : readLines(text);
      return {
        said: objects.map(toContent).join(''),
        models: objects.map((object) => String(object['model'])),
      };
    },
  };
}

function toContent({ choices }: Record<string, unknown>): string {
  const [choice] = choices as { delta?: { content?: string | null }; message?: { content?: string | null } }[];
  return choice?.delta?.content ?? choice?.message?.content ?? '';
}

describeEngineContract(openAi('vllm'));
describeEngineContract(openAi('llama-server'));
describeEngineContract(openAi('lm-studio'));
