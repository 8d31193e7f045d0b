import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';
import { badRequest, unsupported } from '@waggle/shared/dialects/requests/unsupported.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { NodeRegistry } from '../../cluster/node-registry.ts';
import { type Aliases, resolveModel } from '../../inference/resolve-model.ts';
import type { ReadObject } from '../body/read-object.ts';
import { jsonResponse, textResponse } from '../json-response.ts';
import type { HttpContext, Route } from '../route.ts';
import { inputOf, type KeptResponse, type ResponseMemory } from './response-memory.ts';
import { estimateTokens } from './responses-translation.ts';

export interface ResponsesRouteDeps {
  readonly memory: ResponseMemory;
  readonly registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>;
  readonly aliases: () => Aliases;
  readonly readObject: ReadObject;
}

const path = '/v1/responses/:id';

/** What the Responses API has besides the making of responses. */
export function responsesRoutes({ memory, registry, aliases, readObject }: ResponsesRouteDeps): readonly Route[] {
  const find = ({ req }: HttpContext): KeptResponse => {
    const id = req.param('id') ?? '';
    const kept = memory.find(id);
    if (kept === undefined) throw notFound(id);
    return kept;
  };
  return [
    {
      method: 'POST',
      path: '/v1/responses/input_tokens',
      handler: async (context) => {
        const { model, tokens } = estimateTokens(await readObject(context, 'ResponsesRequest'), memory);
        resolveModel(model, registry, aliases());
        const response = jsonResponse({ object: 'response.input_tokens', input_tokens: tokens });
        response.headers.set('x-waggle-estimate', 'true');
        return response;
      },
    },
    {
      method: 'POST',
      path: '/v1/responses/compact',
      handler: () => {
        throw unsupported('input', 'responses are not compacted');
      },
    },
    {
      method: 'GET',
      path,
      handler: (context) => {
        if (context.req.query('stream') === 'true') {
          throw unsupported('stream', 'stream: events are not kept; ask for the response as a whole');
        }
        return textResponse(find(context).response.toString('utf8'), { contentType: 'application/json' });
      },
    },
    {
      method: 'DELETE',
      path,
      handler: ({ req }) => {
        const id = req.param('id') ?? '';
        if (!memory.delete(id)) throw notFound(id);
        return jsonResponse({ id, object: 'response', deleted: true });
      },
    },
    {
      method: 'GET',
      path: `${path}/input_items`,
      handler: (context) => jsonResponse(toPage(inputOf(find(context)), (name) => context.req.query(name))),
    },
    {
      method: 'POST',
      path: `${path}/cancel`,
      handler: (context) => {
        find(context);
        throw unsupported('id', 'only background responses can be cancelled; the others end when their client leaves');
      },
    },
  ];
}

function notFound(id: string): ClusterError {
  return new ClusterError('not-found', `Response with id '${id}' not found.`);
}

const defaultLimit = 20;
const longestPage = 100;

/** One page of a list, newest first unless told. */
function toPage(items: readonly JsonObject[], query: (name: string) => string | undefined): JsonObject {
  const order = query('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') throw badRequest('order', 'order: must be "asc" or "desc"');
  const limit = Number(query('limit') ?? defaultLimit);
  if (!Number.isInteger(limit) || limit < 1 || limit > longestPage) {
    throw badRequest('limit', `limit: must be a whole number from 1 to ${longestPage}`);
  }
  const ordered = order === 'asc' ? items : items.toReversed();
  const after = query('after');
  const start = after === undefined ? 0 : ordered.findIndex((item) => item['id'] === after) + 1;
  if (after !== undefined && start === 0) throw badRequest('after', `after: there is no item ${JSON.stringify(after)}`);
  const data = ordered.slice(start, start + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.['id'] ?? null,
    last_id: data.at(-1)?.['id'] ?? null,
    has_more: start + data.length < ordered.length,
  };
}
