import { jsonResponse } from '../json-response.ts';
import type { Handler, Route } from '../route.ts';

/** Routes of Ollama's cloud, answered so that its clients go on. */
export function ollamaOtherRoutes(): readonly Route[] {
  const unauthorized: Handler = () => jsonResponse({ error: 'unauthorized', signin_url: '' }, { status: 401 });
  const disabled = (what: string): Handler => {
    return () => jsonResponse({ error: `ollama cloud is disabled: ${what} is unavailable` }, { status: 403 });
  };
  return [
    {
      method: 'GET',
      path: '/api/status',
      handler: () => jsonResponse({ cloud: { disabled: true, source: 'config' } }),
    },
    {
      method: 'GET',
      path: '/api/experimental/model-recommendations',
      handler: () => jsonResponse({ recommendations: [] }),
    },
    { method: 'POST', path: '/api/me', handler: unauthorized },
    { method: 'POST', path: '/api/signout', handler: unauthorized },
    { method: 'DELETE', path: '/api/user/keys/:key', handler: unauthorized },
    { method: 'POST', path: '/api/experimental/web_search', handler: disabled('web search') },
    { method: 'POST', path: '/api/experimental/web_fetch', handler: disabled('web fetch') },
  ];
}
