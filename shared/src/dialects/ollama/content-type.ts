import { type EndpointName, endpoints } from '../../chat/endpoints.ts';

export function contentType(endpoint: EndpointName, stream: boolean): string {
  return stream && endpoints[endpoint].kind !== 'embedding'
    ? 'application/x-ndjson'
    : 'application/json; charset=utf-8';
}
