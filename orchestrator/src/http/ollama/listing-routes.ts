import type { ClusterView } from '../../cluster/views.ts';
import type { Aliases } from '../../inference/resolve-model.ts';
import { jsonResponse, textResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import { listResident, listTags } from './model-entries.ts';

/** The Ollama version whose API this is; clients switch features on by it. */
const ollamaVersion = '0.34.2';

/** What Ollama says of itself and of its models, said of the whole cluster. */
export function ollamaListingRoutes(cluster: ClusterView, aliases: () => Aliases): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/',
      head: true,
      handler: () => textResponse('Ollama is running', { contentType: 'text/plain; charset=utf-8' }),
    },
    { method: 'GET', path: '/api/version', head: true, handler: () => jsonResponse({ version: ollamaVersion }) },
    {
      method: 'GET',
      path: '/api/tags',
      head: true,
      handler: () => jsonResponse({ models: listTags(cluster.nodes, aliases()) }),
    },
    { method: 'GET', path: '/api/ps', handler: () => jsonResponse({ models: listResident(cluster.nodes) }) },
  ];
}
