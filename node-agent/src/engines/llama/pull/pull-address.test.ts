import { homedir } from 'node:os';
import path from 'node:path';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseModel } from './hub-listing.ts';
import { knownModels } from './known-models.ts';
import { parsePullAddress } from './pull-address.ts';

describe('parsePullAddress', () => {
  const file = {
    kind: 'hub-file',
    repository: 'ann/m-GGUF',
    revision: 'main',
    file: 'q/m Q8.gguf',
    name: 'm-Q8:latest',
  };
  test.each([
    ['hf.co/ann/m-GGUF', { kind: 'hub', repository: 'ann/m-GGUF', tag: undefined, name: 'hf.co/ann/m-GGUF:latest' }],
    [
      'hf.co/ann/m-GGUF:latest',
      { kind: 'hub', repository: 'ann/m-GGUF', tag: undefined, name: 'hf.co/ann/m-GGUF:latest' },
    ],
    [
      ' https://huggingface.co/ann/m.v2:Q8_0 ',
      { kind: 'hub', repository: 'ann/m.v2', tag: 'Q8_0', name: 'hf.co/ann/m.v2:Q8_0' },
    ],
    ['https://huggingface.co/ann/m-GGUF/tree/main', { kind: 'hub', repository: 'ann/m-GGUF', tag: undefined }],
    ['https://huggingface.co/ann/m-GGUF/blob/main/q/m%20Q8.gguf', file],
    ['hf.co/ann/m-GGUF/resolve/main/q/m%20Q8.gguf?download=true', file],
    [
      'https://x.example/a/M-7b.Q4_0.gguf?key=1',
      { kind: 'url', url: 'https://x.example/a/M-7b.Q4_0.gguf?key=1', name: 'M-7b.Q4_0:latest' },
    ],
    ['http://x.example/big-00001-of-00003.gguf', { kind: 'url', name: 'big:latest' }],
    ['/srv/models/m.gguf', { kind: 'file', path: '/srv/models/m.gguf', name: 'm:latest' }],
    ['file:///srv/my%20models/m.gguf', { kind: 'file', path: '/srv/my models/m.gguf', name: 'm:latest' }],
    ['~/m.gguf', { kind: 'file', path: path.join(homedir(), 'm.gguf'), name: 'm:latest' }],
    ['Qwen3:0.6B', { kind: 'hub', repository: 'Qwen/Qwen3-0.6B-GGUF', tag: 'Q8_0', name: 'Qwen3:0.6B' }],
    ['llama3.2', { kind: 'hub', repository: 'bartowski/Llama-3.2-3B-Instruct-GGUF', name: 'llama3.2:latest' }],
  ])('%s', (text, address) => {
    expect(parsePullAddress(text)).toMatchObject(address);
  });

  test.each([
    ['', 'bad-request', 'no model is named'],
    ['hf.co/ann', 'bad-request', 'the form is hf.co/USER/REPOSITORY'],
    ['hf.co/ann/m:Q4:Q5', 'bad-request', 'the form is hf.co/USER/REPOSITORY'],
    ['hf.co/../m', 'bad-request', 'the form is hf.co/USER/REPOSITORY'],
    ['hf.co/ann/m/blob/main/README.md', 'bad-request', 'neither a repository nor a GGUF file'],
    ['hf.co/ann/m/blob/main/../../x.gguf', 'bad-request', 'neither a repository nor a GGUF file'],
    ['https://x.example/page', 'bad-request', 'must end in .gguf'],
    ['https://ann:secret@x.example/m.gguf', 'bad-request', 'without a user before the host'],
    ['models/m.gguf', 'bad-request', 'give the whole path'],
    ['../m.gguf', 'bad-request', 'give the whole path'],
    ['qwen3:70b', 'model-not-found', 'only qwen3:0.6b'],
    ['mistral', 'model-not-found', 'smollm2:135m'],
  ])('%j is refused in words', (text, code, words) => {
    const refusal = (() => {
      try {
        return parsePullAddress(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(refusal).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  test('whatever it is given, it answers or refuses', () => {
    const pieces = fc.array(
      fc.constantFrom('hf.co/', 'https://', 'a', '/', ':', '..', '%', '.gguf', '?', '#', '~', 'é', '\\', '@'),
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        try {
          parsePullAddress(parts.join(''));
        } catch (cause) {
          expect(cause).toBeInstanceOf(ClusterError);
        }
      }),
    );
  });
});

test('every short name of the list is the address of a repository with a quantization', () => {
  for (const [name, address] of Object.entries(knownModels)) {
    expect(name).toMatch(/^[a-z0-9.-]+:[a-z0-9.]+$/);
    expect(parsePullAddress(address)).toMatchObject({ kind: 'hub', tag: expect.any(String) });
  }
});

describe('chooseModel', () => {
  const files = [
    'm-F16.gguf',
    'm-IQ4_XS.gguf',
    'm-Q2_K.gguf',
    'm-Q4_K_M.gguf',
    'm-Q4_K_S.gguf',
    'm-UD-Q4_K_XL.gguf',
    'm.q8_0.gguf',
  ];
  test.each([
    [files, undefined, 'm-Q4_K_M.gguf'],
    [files, 'q8_0', 'm.q8_0.gguf'],
    [files, 'Q4_K_S', 'm-Q4_K_S.gguf'],
    [files, 'UD-Q4_K_XL', 'm-UD-Q4_K_XL.gguf'],
    [files, 'm-f16.gguf', 'm-F16.gguf'],
    [files, 'Q4_K', undefined],
    [files, 'Q5_K_M', undefined],
    [['m-Q2_K.gguf', 'm-Q8_0.gguf', 'm-F16.gguf'], undefined, 'm-Q8_0.gguf'],
    [['model.gguf'], undefined, 'model.gguf'],
    [['q4_0/m-Q4_0-00001-of-00002.gguf', 'm-Q8_0.gguf'], 'q4_0', 'q4_0/m-Q4_0-00001-of-00002.gguf'],
  ])('%j for %j: %s', (there, tag, chosen) => {
    expect(chooseModel(there, tag)).toBe(chosen);
  });
});
