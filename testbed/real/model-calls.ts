import { createHash } from 'node:crypto';
import { get, of, raw } from './call-parts.ts';
import type { WireCall } from './wire-call.ts';

const show = of('/api/show');
const copy = of('/api/copy');
const create = of('/api/create');
const push = of('/api/push');

const text = 'hello';
const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
const other = `sha256:${'0'.repeat(64)}`;

function blob(name: string, method: string, hash: string, rawBody?: string): WireCall {
  return { name, method, path: `/api/blobs/${hash}`, ...(rawBody === undefined ? {} : { rawBody }) };
}

function remove(name: string, model: string): WireCall {
  return { name, method: 'DELETE', path: '/api/delete', body: { model } };
}

/** What makes models and takes them away again; the models are the same afterwards. */
export const modelCalls: readonly WireCall[] = [
  copy('copy', { source: 'voice', destination: 'second' }),
  copy('copy in other case', { Source: 'VOICE', destination: 'SECOND:latest' }),
  copy('copy onto itself', { source: 'voice', destination: 'voice' }),
  copy('copy absent', { source: 'absent', destination: 'third' }),
  copy('copy without names', {}),
  copy('copy without a destination', { source: 'voice' }),
  copy('copy what is no name', { source: 'a b', destination: 'third' }),
  copy('copy to what is no name', { source: 'voice', destination: '../third' }),
  copy('copy of a wrong type', { source: 7 }),
  raw('copy null', '/api/copy', 'null'),
  raw('copy a list', '/api/copy', '[]'),
  raw('copy without a body', '/api/copy', ''),
  get('copy GET', '/api/copy'),
  show('show the copy', { model: 'second' }),
  get('tags with the copy', '/api/tags'),
  remove('delete the copy', 'second'),

  blob('blob HEAD absent', 'HEAD', other),
  blob('blob HEAD of no digest', 'HEAD', 'sha256:00'),
  blob('blob of no digest', 'POST', 'nonsense', text),
  blob('blob of another digest', 'POST', other, text),
  blob('blob kept under its own digest', 'HEAD', digest),
  blob('blob again', 'POST', digest, text),
  blob('blob of nothing', 'POST', `sha256:${createHash('sha256').digest('hex')}`, ''),
  blob('blob HEAD', 'HEAD', digest),
  blob('blob HEAD with a dash', 'HEAD', digest.replace(':', '-')),
  blob('blob GET', 'GET', digest),
  { ...blob('blob in chunks', 'POST', digest, text), headers: { 'transfer-encoding': 'chunked' } },

  create('create', {
    model: 'made',
    from: 'voice',
    system: 'Be brief.',
    parameters: { temperature: 0, stop: ['a', 'b'] },
  }),
  create('create whole', { model: 'made', from: 'voice', system: 'Be long.', stream: false }),
  create('create by name', {
    name: 'made',
    from: 'voice',
    license: ['one', 'two'],
    messages: [{ role: 'user', content: 'Hi' }],
  }),
  create('create with keys of other case', { Model: 'made', FROM: 'voice', Template: '{{ .Prompt }}' }),
  create('create from what was made', { model: 'made', from: 'made', system: 'Be made.' }),
  show('show what was made', { model: 'made' }),
  show('show what was made, verbose', { model: 'made', verbose: true }),
  get('tags with what was made', '/api/tags'),
  create('create from absent', { model: 'unmade', from: 'absent' }),
  create('create from absent whole', { model: 'unmade', from: 'absent', stream: false }),
  create('create from nothing', { model: 'unmade' }),
  create('create from nothing whole', { model: 'unmade', stream: false }),
  create('create without a model', {}),
  create('create what is no name', { model: 'a b', from: 'voice' }),
  create('create from what is no name', { model: 'unmade', from: 'a b' }),
  create('create from what is no name, whole', { model: 'unmade', from: 'a b', stream: false }),
  create('create from a wrong type', { model: 'unmade', from: 7 }),
  create('create of no file', { model: 'unmade', files: {} }),
  create('create of files of a wrong type', { model: 'unmade', files: 7 }),
  create('create of a file without a digest', { model: 'unmade', files: { 'm.gguf': 'sha256:00' } }),
  create('create of an absent file', { model: 'unmade', files: { 'm.gguf': other } }),
  create('create of an absent file, whole', { model: 'unmade', files: { 'm.gguf': other }, stream: false }),
  create('create of a file that is no model', { model: 'unmade', files: { 'm.gguf': digest } }),
  create('create of a file that is no model, whole', { model: 'unmade', files: { 'm.gguf': digest }, stream: false }),
  create('create with an adapter', { model: 'unmade', from: 'voice', adapters: { 'a.gguf': digest } }),
  create('create with a broken template', { model: 'unmade', from: 'voice', template: '{{' }),
  create('create quantized', { model: 'unmade', from: 'slow', quantize: 'q4_K_M' }),
  raw('create null', '/api/create', 'null'),
  raw('create without a body', '/api/create', ''),
  raw('create broken', '/api/create', '{"model":'),
  get('create GET', '/api/create'),
  remove('delete what was made', 'made'),

  push('push', { model: 'voice' }),
  push('push by name', { name: 'voice:latest' }),
  push('push whole', { model: 'voice', stream: false }),
  push('push to a registry that is not there', { model: 'voice', insecure: true }),
  push('push absent', { model: 'absent' }),
  push('push absent whole', { model: 'absent', stream: false }),
  push('push what is no name', { model: 'a b' }),
  push('push without a model', {}),
  raw('push null', '/api/push', 'null'),
  raw('push without a body', '/api/push', ''),
];
