import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';

/** Where an OpenAI-compatible server has its calls: the API under its `/v1` (or what stands for it), the rest beside it. */
export interface ServerPaths {
  readonly origin: string;
  /** Prefix of the API's paths, with `/v1`. */
  readonly api: string;
  /** Prefix of the server's own paths (`/health`, `/props`). */
  readonly root: string;
}

export function toServerPaths(url: string): ServerPaths {
  const { origin, pathname } = new URL(url);
  const api = pathname.replace(/\/+$/, '');
  return { origin, api, root: api.replace(/\/v1$/i, '') };
}

export function toCallPath({ api }: ServerPaths, endpoint: EndpointName): string {
  return api + endpoints[endpoint].path.slice('/v1'.length);
}
