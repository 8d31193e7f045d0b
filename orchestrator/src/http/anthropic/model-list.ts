import { badRequest } from '@waggle/shared/dialects/requests/unsupported.ts';
import type { TagEntry } from '../ollama/model-entries.ts';

const defaultLimit = 20;
const longestPage = 1_000;

/** A model as Anthropic's API lists it. What its own service alone could say is null. */
export function toModelInfo(id: string, tag: TagEntry): object {
  return {
    type: 'model',
    id,
    display_name: tag.name,
    created_at: new Date(Date.parse(tag.modified_at) || 0).toISOString(),
    capabilities: null,
    max_input_tokens: null,
    max_tokens: null,
    nodes: tag.nodes,
  };
}

/** One page of the list: `limit` entries after `after_id`, or before `before_id`. */
export function toModelPage(tags: readonly TagEntry[], query: (name: string) => string | undefined): object {
  const limit = readLimit(query('limit'));
  const after = placeOf(tags, query('after_id'));
  const before = placeOf(tags, query('before_id'));
  const end = before ?? tags.length;
  const start = after === undefined ? (before === undefined ? 0 : Math.max(0, end - limit)) : after + 1;
  const page = tags.slice(start, Math.min(end, start + limit));
  const hasMore = before !== undefined && after === undefined ? start > 0 : start + page.length < end;
  return {
    data: page.map((tag) => toModelInfo(tag.name, tag)),
    has_more: hasMore,
    first_id: page[0]?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  };
}

function placeOf(tags: readonly TagEntry[], id: string | undefined): number | undefined {
  if (id === undefined) return undefined;
  const place = tags.findIndex((tag) => tag.name === id);
  if (place === -1) throw badRequest('after_id', `there is no model ${JSON.stringify(id)} to go on from`);
  return place;
}

function readLimit(value: string | undefined): number {
  if (value === undefined) return defaultLimit;
  const limit = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (limit >= 1 && limit <= longestPage) return limit;
  throw badRequest('limit', `limit: must be a whole number from 1 to ${longestPage}`);
}
