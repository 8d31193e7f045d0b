import { expect, it } from 'vitest';
import { createMethodTable, type Route } from './route.ts';

const handler = () => new Response();
const routes: Route[] = [
  { method: 'GET', path: '/', head: true, handler },
  { method: 'GET', path: '/v1/models/:id{.+}', handler },
  { method: 'GET', path: '/api/nodes/:name/models', handler },
  { method: 'POST', path: '/v1/files/*', handler },
  { method: 'DELETE', path: '/v1/files/*', handler },
];

it.each([
  ['/', ['HEAD', 'GET']],
  ['/v1/models/a/b:c', ['GET']],
  ['/api/nodes/a/models', ['GET']],
  ['/api/nodes/a/b/models', []],
  ['/v1/files/x/content', ['POST', 'DELETE']],
  ['/v1/files', ['POST', 'DELETE']],
  ['/v1/filesystem', []],
  ['/nothing', []],
])('knows the methods of %s', (path, methods) => {
  expect(createMethodTable(routes)(path)).toEqual(methods);
});
