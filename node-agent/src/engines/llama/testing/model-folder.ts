import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildEmbeddingGguf, writeScriptedGguf } from '../hello/scripted-gguf.ts';
import { ModelStore } from '../models/model-store.ts';

/** What the scripted models say, by the word that the last message has. */
export const scripts = {
  words: 'One two three four five six seven eight nine ten.',
  bees: 'Bees 🐝 say ż.',
  think: '<think>\nLet me see.\n</think>\n\nIt is done.',
  call: 'I look.\n<tool_call>\n{"name": "look_up", "arguments": {"city": "Oslo", "days": 2}}\n</tool_call>',
  on: 'on and on and ',
} as const;

/** As models of the Hermes family write tools and thinking; what is said hangs on the last message. */
const template = `{% if tools %}<|turn|>{{ tools | tojson }}{% endif %}{% for message in messages %}<|turn|>{{ message.role }}: \
{{ message.content.split('</think>')[-1] }}{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|done|>{% endfor %}{% if add_generation_prompt %}{% set said = messages[-1].content.split(' ') %}\
{% if enable_thinking is defined and not enable_thinking and 'think' in said %}<|words|>\
{% elif 'bees' in said %}<|bees|>{% elif 'think' in said %}<|think|>{% elif 'call' in said %}<|call|>\
{% elif 'on' in said %}<|on|>{% else %}<|words|>{% endif %}{% endif %}`;

const scripted = {
  scripts: Object.fromEntries(Object.entries(scripts).map(([word, text]) => [`<|${word}|>`, text])),
  controls: ['<|turn|>', '<|done|>'],
  endless: ['<|on|>'],
  spelledInBytes: '🐝ż',
  template,
} as const;

/** A folder with small models that were put there by hand: `talker`, `slow` (it takes its time) and `embedder`. */
export class ModelFolder implements AsyncDisposable {
  readonly path: string;
  readonly store: ModelStore;

  private constructor(folder: string) {
    this.path = folder;
    this.store = new ModelStore({ folder, pulls: { hub: { endpoint: 'http://127.0.0.1:1' } } });
  }

  static async make(names: readonly ('talker' | 'slow' | 'embedder')[] = ['talker', 'embedder']): Promise<ModelFolder> {
    const folder = new ModelFolder(await mkdtemp(path.join(tmpdir(), 'waggle-models-')));
    for (const name of names) {
      const file = path.join(folder.path, `${name}.gguf`);
      if (name === 'embedder') await writeFile(file, buildEmbeddingGguf({ name }));
      else if (name === 'talker') await writeScriptedGguf(file, { ...scripted, name });
      else await writeScriptedGguf(file, { ...scripted, name, layers: 2, feedForward: 4_096 });
    }
    await folder.store.rescan();
    return folder;
  }

  /** Files are closed by then: whoever used the store has closed it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await rm(this.path, { recursive: true, force: true });
  }
}
