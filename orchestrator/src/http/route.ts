import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context } from 'hono';

/** What the adapter puts beside every request: the node objects the inference routes read from and write to. */
export interface HttpEnv {
  Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
}

export type HttpContext = Context<HttpEnv>;
export type Handler = (context: HttpContext) => Response | Promise<Response>;

/** One line of the route list in app.ts. */
export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** A Hono pattern. */
  readonly path: string;
  readonly handler: Handler;
  /** A GET route that answers HEAD too. Ollama has HEAD on some routes only, elsewhere it is a wrong method. */
  readonly head?: boolean;
  /**
   * The same work as `handler`, which then answers on the node response itself. A request whose target is the bare path is
   * given to it without a detour: building a Request, a context and a Response for nothing is a tenth of its whole cost.
   */
  readonly direct?: DirectHandler;
}

export type DirectHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** The methods each path has, for 405 and its `Allow`; asked only when no route matched. */
export function createMethodTable(routes: readonly Route[]): (path: string) => readonly string[] {
  const rows = routes.map((route) => ({
    pattern: toRegExp(route.path),
    methods: route.head === true ? ['HEAD', route.method] : [route.method],
  }));
  return (path) => rows.filter((row) => row.pattern.test(path)).flatMap((row) => row.methods);
}

const special = /[\\^$.*+?()[\]{}|/-]/g;

function toRegExp(path: string): RegExp {
  const source = path
    .split('/')
    .map((segment) => {
      if (segment === '*') return '.*';
      const parameter = /^:\w+(?:\{(.+)\})?$/.exec(segment);
      return parameter === null ? segment.replace(special, '\\$&') : (parameter[1] ?? '[^/]+');
    })
    .join('/');
  return new RegExp(`^${source.replace(/\/\.\*$/, '(?:/.*)?')}$`);
}
