import { expect, test } from 'vitest';
import { toHeader } from '../testing/recorded-job.ts';
import { inClientsName } from './clients-name.ts';

test.each([
  ['voice', '"voice:latest" does not support thinking', '"voice" does not support thinking'],
  ['$&', "model 'voice:latest' not found", "model '$&' not found"],
  ['fast', 'registry.example/library/voice:latest is odd', 'registry.example/library/voice:latest is odd'],
  ['voice:latest', '"voice:latest" is odd', '"voice:latest" is odd'],
])('to the client of %s it is %s', (answerModel, message, said) => {
  const failure = { cause: 'request', code: 'bad-request', message } as const;
  expect(inClientsName(failure, toHeader({ model: 'voice:latest', answerModel }))).toEqual({
    ...failure,
    message: said,
  });
});
