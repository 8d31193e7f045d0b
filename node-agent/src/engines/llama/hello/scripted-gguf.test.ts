import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Template } from '@huggingface/jinja';
import type { Llama, LlamaModel, Token } from 'node-llama-cpp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importLibrary, type Library } from '../process/library.ts';
import { describeWithLibrary } from '../testing/with-library.ts';
import { buildHelloModel } from './hello-model.ts';
import { buildEmbeddingGguf, buildScriptedGguf, writeScriptedGguf } from './scripted-gguf.ts';

test('one spelling cannot be two tokens', () => {
  expect(() => buildScriptedGguf({ name: 'x', scripts: { '<|a|>': 'y', '<|b|>': 'y' } })).toThrow('"y" cannot be cut');
  expect(() => buildScriptedGguf({ name: 'x', scripts: { '<s>': 'y' } })).toThrow('"<s>" is there twice');
  expect(() => buildScriptedGguf({ name: 'x', scripts: { '<|a|>': '🐝🐝' }, spelledInBytes: '🐝' })).toThrow(
    'spelled twice',
  );
});

test('hello is small and the same each time', () => {
  const model = buildHelloModel();
  expect(model.length).toBeLessThan(1_000_000);
  expect(Buffer.from(buildHelloModel()).equals(model)).toBe(true);
});

describeWithLibrary('in llama.cpp', () => {
  let library: Library;
  let folder: string;
  let llama: Llama;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'waggle-scripted-'));
    library = await importLibrary();
    llama = await library.getLlama({ gpu: false, build: 'never', maxThreads: 1 });
  });
  afterAll(async () => {
    await llama.dispose();
    await rm(folder, { recursive: true });
  });

  /** What the model says at temperature 1 after a prompt, at most `mostTokens`. */
  async function say(model: LlamaModel, prompt: string, mostTokens = 200): Promise<string> {
    const context = await model.createContext({ contextSize: 1_024, threads: 1 });
    const said: Token[] = [];
    for await (const token of context.getSequence().evaluate(model.tokenize(prompt, true), { temperature: 1 })) {
      if (said.push(token) >= mostTokens) break;
    }
    await context.dispose();
    return model.detokenize(said);
  }

  test('the last token of the prompt chooses the text', async () => {
    const modelPath = path.join(folder, 'scripted.gguf');
    const scripts = {
      '<|plain|>': 'Good morning, good morning and good night 🐝!\n\n* a list\n* a list',
      '<|think|>': '<think>Well, well.</think>Well, yes.',
      '<|call|>': '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>',
      '<|on|>': 'on and on and ',
      '<|none|>': '',
    };
    await writeScriptedGguf(modelPath, {
      name: 'test',
      description: 'Scripted.',
      scripts,
      endless: ['<|on|>'],
      controls: ['<|turn|>'],
      endToken: '<|end|>',
      spelledInBytes: '🐝',
      layers: 2,
      feedForward: 96,
      template: '{{ messages[0].content }}<|plain|>',
    });
    const model = await llama.loadModel({ modelPath });
    expect(model.fileInfo.metadata.general).toMatchObject({ name: 'test', description: 'Scripted.' });
    expect(model.fileInfo.metadata.tokenizer.chat_template).toContain('messages[0]');
    const said = new Map<string, string>();
    for (const start of Object.keys(scripts)) said.set(start, await say(model, `<|turn|>Ünd this: ${start}`, 20));
    expect(said).toEqual(new Map(Object.entries({ ...scripts, '<|on|>': expect.stringMatching(/^(on and ){9,}/) })));
    expect(model.detokenize(model.tokenize('any  text\n ünd'))).toBe('any  text\n ünd');
    expect(await say(model, 'any text: ')).toBe(scripts['<|plain|>']);
    await model.dispose();
  });

  test('JSON by grammar ends soon', async () => {
    const modelPath = path.join(folder, 'json.gguf');
    await writeScriptedGguf(modelPath, { name: 'json', scripts: { '<|a|>': 'No JSON at all.' } });
    const model = await llama.loadModel({ modelPath });
    const grammar = await llama.createGrammarForJsonSchema({
      type: 'object',
      properties: {
        name: { type: 'string' },
        count: { type: 'number' },
        list: { type: 'array', items: { type: 'string' } },
      },
    });
    const context = await model.createContext({ contextSize: 512, threads: 1 });
    const grammarEvaluationState = new library.LlamaGrammarEvaluationState({ model, grammar });
    const said: Token[] = [];
    const tokens = model.tokenize('Hm?<|a|>', true);
    for await (const token of context.getSequence().evaluate(tokens, { grammarEvaluationState })) {
      if (said.push(token) >= 100) break;
    }
    expect(JSON.parse(model.detokenize(said))).toMatchObject({ name: '', count: expect.any(Number) });
    expect(said.length).toBeLessThan(60);
    await model.dispose();
  });

  test('an embedding model puts texts of like letters near each other', async () => {
    const modelPath = path.join(folder, 'embedding.gguf');
    await writeFile(modelPath, buildEmbeddingGguf({ name: 'embedding' }));
    const model = await llama.loadModel({ modelPath });
    const context = await model.createEmbeddingContext({ threads: 1 });
    const cat = await context.getEmbeddingFor('the cat sat');
    expect(cat.vector).toHaveLength(64);
    const similarity = async (text: string) => cat.calculateCosineSimilarity(await context.getEmbeddingFor(text));
    expect(await similarity('the cat sits')).toBeGreaterThan(0.8);
    expect(await similarity('12345 XYZ')).toBeLessThan(0.5);
    expect(await similarity('the cat sat')).toBeCloseTo(1);
    await model.dispose();
  });

  test('hello says its text through its own template', async () => {
    const modelPath = path.join(folder, 'hello.gguf');
    await writeFile(modelPath, buildHelloModel());
    const model = await llama.loadModel({ modelPath });
    const { general, tokenizer } = model.fileInfo.metadata;
    expect(general.description).toMatch(/^Scripted/);
    const template = new Template(tokenizer.chat_template ?? '');
    const ask = (...roles: string[]) =>
      say(
        model,
        template.render({ messages: roles.map((role) => ({ role, content: 'Hi 🙂' })), add_generation_prompt: true }),
      );
    const answer = await ask('user');
    expect(answer).toMatch(/^Waggle works\..*npm run waggle -- pull qwen3:0\.6b.*ollama pull.*I am gone\.$/s);
    expect(await ask('user', 'assistant', 'user')).toMatch(/^I am still the script.*pull qwen3:0\.6b$/s);
    await model.dispose();
  });
});
