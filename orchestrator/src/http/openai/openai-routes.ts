import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { splitNodeSuffix, toModelKey, toShortName, withTag } from '../../cluster/model-names.ts';
import type { ClusterView, NodeView } from '../../cluster/views.ts';
import { type Aliases, toUnknownModel } from '../../inference/resolve-model.ts';
import { toModelInfo, toModelPage } from '../anthropic/model-list.ts';
import { asksAnthropic } from '../errors/error-form.ts';
import { jsonResponse, textResponse } from '../json-response.ts';
import { listTags, type TagEntry } from '../ollama/model-entries.ts';
import type { Handler, Route } from '../route.ts';

const notThere = ['messages/batches', 'files', 'vector_stores', 'audio', 'images', 'moderations', 'batches'] as const;

/** What OpenAI's API has besides the generation routes. */
export function openaiRoutes(cluster: ClusterView, aliases: () => Aliases): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/models',
      handler: ({ req, env }) => {
        const tags = listTags(cluster.nodes, aliases());
        if (asksAnthropic(env.incoming.headers)) return jsonResponse(toModelPage(tags, (name) => req.query(name)));
        return reply({ object: 'list', data: tags.map((tag) => toModel(tag.name, tag)) });
      },
    },
    {
      method: 'GET',
      path: '/v1/models/:id{.+}',
      handler: ({ req, env }) => {
        const id = req.param('id') ?? '';
        const tag = findTag(id, cluster.nodes, aliases()) ?? findOnNode(id, cluster, aliases());
        if (tag === undefined) throw toUnknownModel(id, withTag(toShortName(id)), cluster);
        return asksAnthropic(env.incoming.headers) ? jsonResponse(toModelInfo(id, tag)) : reply(toModel(id, tag));
      },
    },
    ...notThere.flatMap((name) => missingRoutes(`/v1/${name}`)),
  ];
}

function findTag(id: string, nodes: readonly NodeView[], aliases: Aliases): TagEntry | undefined {
  const key = toModelKey(id);
  return listTags(nodes, aliases).find((entry) => toModelKey(entry.name) === key);
}

/** `model@node`, which requests may name, too. */
function findOnNode(id: string, cluster: ClusterView, aliases: Aliases): TagEntry | undefined {
  const { model, node: name } = splitNodeSuffix(id) ?? {};
  const node = name === undefined ? undefined : cluster.node(name);
  return model === undefined || node === undefined ? undefined : findTag(model, [node], aliases);
}

/** As Ollama's own `/v1` ends its bodies. */
function reply(value: unknown): Response {
  return textResponse(`${JSON.stringify(value)}\n`, { contentType: 'application/json' });
}

function toModel(id: string, tag: TagEntry): object {
  const slash = tag.name.lastIndexOf('/');
  return {
    id,
    object: 'model',
    created: Math.floor((Date.parse(tag.modified_at) || 0) / 1_000),
    owned_by: tag['scripted'] === true ? 'scripted' : slash === -1 ? 'library' : tag.name.slice(0, slash),
    nodes: tag.nodes,
  };
}

function missingRoutes(path: string): Route[] {
  const handler: Handler = ({ req }) => {
    throw new ClusterError('not-implemented', `${req.path} is not supported`);
  };
  return (['GET', 'POST', 'DELETE'] as const).flatMap((method) => [
    { method, path, handler },
    { method, path: `${path}/*`, handler },
  ]);
}
