import { buildScriptedGguf } from './scripted-gguf.ts';

/** What the stand-in is called wherever models are listed. */
export const helloName = 'hello:latest';

const answerToken = '<|answer|>';
const againToken = '<|again|>';

const answer = `Waggle works. Your request went all the way: the orchestrator took it, a node ran it on the built-in engine, and \
this text came back token by token.

I am no real model, only a script that stands in as long as there is none. To get one, run this in Waggle's folder:

    npm run waggle -- pull qwen3:0.6b

or point any Ollama client at this address:

    ollama pull llama3.2:1b

A GGUF from Hugging Face works as well (pull hf.co/USER/REPOSITORY), and so does a GGUF file put into the models folder of \
the data folder. With the first real model I am gone.`;

const again = `I am still the script that stands in for a model, and these two answers are all I can say. Pull one to go on:

    npm run waggle -- pull qwen3:0.6b`;

// The words of the prompt are of no use to it; which answer it gives depends on the template alone.
const template = `{%- for message in messages %}{{ message.role }}: {{ message.content }}
{% endfor %}{% if messages | selectattr('role', 'equalto', 'assistant') | list | length > 0 %}${againToken}{% else %}${answerToken}{% endif %}`;

/**
 * The model that is offered where there is no other: it says through the whole real path that Waggle works and how to get a
 * model. The same bytes each time.
 */
export function buildHelloModel(): Uint8Array<ArrayBuffer> {
  return buildScriptedGguf({
    name: 'hello',
    description: 'Scripted, not a real model: says that Waggle works and how to get a model.',
    scripts: { [answerToken]: answer, [againToken]: again },
    template,
  });
}
