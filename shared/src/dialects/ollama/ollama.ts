import type { Dialect } from '../dialect.ts';
import { createAnswerEncoder } from './answer-encoder.ts';
import { withExactKeys } from './body-keys.ts';
import { classifyError } from './classify-error.ts';
import { contentType } from './content-type.ts';
import { decodeRequest } from './decode-request.ts';
import { encodeRequest } from './encode-request.ts';
import { createEventReader, readWholeEvents } from './event-reader.ts';
import { inspectRequest } from './inspect-request.ts';
import { createNativeReader, readWholeNative } from './native-reader.ts';
import { renderError, renderStreamError } from './render-error.ts';

export const ollama: Dialect = {
  name: 'ollama',
  withExactKeys,
  inspectRequest,
  decodeRequest,
  encodeRequest,
  createNativeReader,
  readWholeNative,
  createEventReader,
  readWholeEvents,
  createAnswerEncoder,
  contentType,
  renderError,
  renderStreamError,
  classifyError,
};
