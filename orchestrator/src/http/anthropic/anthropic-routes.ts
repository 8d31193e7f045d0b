import type { NodeRegistry } from '../../cluster/node-registry.ts';
import { type Aliases, resolveModel } from '../../inference/resolve-model.ts';
import type { ReadObject } from '../body/read-object.ts';
import { jsonResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import { estimateTokens } from './messages-translation.ts';

export interface AnthropicRouteDeps {
  readonly registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>;
  readonly aliases: () => Aliases;
  readonly readObject: ReadObject;
}

/** What Anthropic's API has besides the messages themselves. */
export function anthropicRoutes({ registry, aliases, readObject }: AnthropicRouteDeps): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/messages/count_tokens',
      handler: async (context) => {
        const { model, tokens } = estimateTokens(await readObject(context, 'MessagesRequest'));
        resolveModel(model, registry, aliases());
        const response = jsonResponse({ input_tokens: tokens });
        response.headers.set('x-waggle-estimate', 'true');
        return response;
      },
    },
  ];
}
