import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { z } from 'zod';
import type { RequestLog } from '../../inference/request-log.ts';
import { jsonResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import { requestFilterSchema } from './requests.schema.ts';

/** The stories of the requests that run and of those that ended lately. */
export function requestRoutes(requests: Pick<RequestLog, 'get' | 'list'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/requests',
      head: true,
      handler: ({ req }) => jsonResponse({ requests: requests.list(parseFilter(req.query())) }),
    },
    {
      method: 'GET',
      path: '/api/requests/:id',
      head: true,
      handler: ({ req }) => {
        const id = req.param('id') ?? '';
        const record = requests.get(id);
        if (record === undefined) throw new ClusterError('not-found', `request '${id}' is not among the recent ones`);
        return jsonResponse(record);
      },
    },
  ];
}

function parseFilter(query: Record<string, string>): z.infer<typeof requestFilterSchema> {
  const { success, data, error } = requestFilterSchema.safeParse(query);
  if (success) return data;
  const words = error.issues.map(toWords).join('; ');
  throw new ClusterError('bad-request', words);
}

function toWords(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return `there is no filter called ${issue.keys.join(', ')}; there are ${Object.keys(requestFilterSchema.shape).join(', ')}`;
  return `${issue.path.join('.')} ${issue.message}`;
}
