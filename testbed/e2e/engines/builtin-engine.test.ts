import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createBuiltinEngine } from '@waggle/node-agent/engines/create-engine.ts';
import { buildEmbeddingGguf, writeScriptedGguf } from '@waggle/node-agent/engines/llama/hello/scripted-gguf.ts';
import { describeWithLibrary } from '@waggle/node-agent/engines/llama/testing/with-library.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import type { ScriptedModel } from '../../src/engines/scripted-model.ts';
import { describeAnswering, words } from './answering-contract.ts';

const template = `{% if tools %}{{ tools | tojson }}{% endif %}{% for message in messages %}{{ message.role }}: {{ message.content }}\
{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}
{% endfor %}{% if add_generation_prompt %}<|answer|>{% endif %}`;

describeWithLibrary('the built-in engine', () => {
  describeAnswering({
    kind: 'builtin',
    async start(models) {
      const folder = await mkdtemp(path.join(tmpdir(), 'waggle-builtin-'));
      for (const model of models) await writeModel(folder, model);
      const engine = createBuiltinEngine({
        folder,
        hub: { endpoint: 'http://127.0.0.1:1' },
        settings: {},
        hasOtherModels: () => false,
        clock: systemClock,
      });
      // Files that were put there by hand have no digest before they were read.
      for (;;) {
        const told = new Promise<void>((resolve) => engine.watch?.(resolve));
        const { models: known } = await engine.probe.survey(AbortSignal.timeout(5_000));
        if (known.every(({ digest }) => digest !== '')) break;
        await told;
      }
      const close = async () => {
        await engine.close();
        await rm(folder, { recursive: true });
      };
      return { engine, close };
    },
    toName: (model) => `${model}:latest`,
    endTokens: 1,
    native: 'ollama.chat',
    foreign: 'openai.chat',
    nativeEmbedding: 'ollama.embed',
    foreignEmbedding: 'openai.embeddings',
    // It has no bytes of its own: whatever a client speaks is written from its events.
    readAnswer: ({ said }) => ({ said, models: [] }),
  });
});

/** The scripted model as a file whose weights say the same. */
async function writeModel(folder: string, { name, answer, toolCall, embeddingLength }: ScriptedModel): Promise<void> {
  const file = path.join(folder, `${name}.gguf`);
  if (embeddingLength !== undefined) return writeFile(file, buildEmbeddingGguf({ name, width: embeddingLength }));
  const call = toolCall && `<tool_call>\n${JSON.stringify(toolCall)}\n</tool_call>`;
  const isEndless = typeof answer === 'object' && answer.kind === 'endless';
  await writeScriptedGguf(file, {
    name,
    scripts: { '<|answer|>': call ?? (isEndless ? 'on and on and ' : words(40)) },
    endless: isEndless ? ['<|answer|>'] : [],
    template,
  });
}
