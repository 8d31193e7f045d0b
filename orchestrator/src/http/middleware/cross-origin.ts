/** Web pages on this machine, and the desktop applications that Ollama lets in too. */
const localOrigins = [
  ...['localhost', '127.0.0.1', '0.0.0.0'].flatMap((host) => [
    `http://${host}`,
    `https://${host}`,
    `http://${host}:*`,
    `https://${host}:*`,
  ]),
  'app://*',
  'file://*',
  'tauri://*',
  'vscode-webview://*',
  'vscode-file://*',
];

const allowedHeaders = [
  'Authorization',
  'Content-Type',
  'User-Agent',
  'Accept',
  'X-Requested-With',
  'Openai-Beta',
  'Openai-Organization',
  'Openai-Project',
  'X-Stainless-Arch',
  'X-Stainless-Async',
  'X-Stainless-Custom-Poll-Interval',
  'X-Stainless-Helper',
  'X-Stainless-Helper-Method',
  'X-Stainless-Lang',
  'X-Stainless-Os',
  'X-Stainless-Package-Version',
  'X-Stainless-Poll-Helper',
  'X-Stainless-Retry-Count',
  'X-Stainless-Runtime',
  'X-Stainless-Runtime-Version',
  'X-Stainless-Timeout',
  'X-Api-Key',
  'Anthropic-Version',
  'Anthropic-Beta',
  'Anthropic-Dangerous-Direct-Browser-Access',
  'X-Request-Id',
  'X-Waggle-Priority',
  'X-Waggle-Deadline-Ms',
  'X-Waggle-Cache',
  'Cache-Control',
].join(',');

const exposedHeaders = 'X-Request-Id,Request-Id,X-Waggle-Node,X-Waggle-Attempts,X-Waggle-Cache,Retry-After';

/** Answers to pages are marked for their origin; requests without one get nothing. */
export interface CorsHeaders {
  isAllowed(origin: string, host: string | undefined): boolean;
  /** Adds name, value, name, value. */
  append(headers: string[], origin: string | undefined): void;
  preflight(origin: string): Record<string, string>;
}

/**
 * Which web pages may use the API: those of this machine, those of the operator's list (`*` stands for anything within),
 * and a page that this very server gave out. An LLM's text is an API like any other: nobody else may read it.
 */
export function createCors(origins: readonly string[]): CorsHeaders {
  const allowsAll = origins.includes('*');
  const patterns = [...localOrigins, ...origins].map(toPattern);
  const isListed = (origin: string): boolean => allowsAll || patterns.some((pattern) => pattern.test(origin));
  return {
    isAllowed: (origin, host) =>
      (host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)) || isListed(origin),
    append(headers, origin) {
      if (origin === undefined || origin === '') return;
      headers.push(
        'access-control-allow-origin',
        origin,
        'access-control-expose-headers',
        exposedHeaders,
        'vary',
        'Origin',
      );
    },
    preflight: (origin) => ({
      'access-control-allow-headers': allowedHeaders,
      'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS',
      'access-control-allow-origin': origin,
      'access-control-max-age': '43200',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    }),
  };
}

const special = /[\\^$.*+?()[\]{}|/-]/g;

/** A page of the web has a host and perhaps a port; behind the scheme of an application or a file anything may stand, slashes too. */
function toPattern(origin: string): RegExp {
  const anywhere = /^(?!https?:)([^*]+:\/\/)\*$/i.exec(origin)?.[1];
  if (anywhere !== undefined) return new RegExp(`^${anywhere.replace(special, '\\$&')}\\S*$`, 'i');
  const source = origin
    .split('*')
    .map((part) => part.replace(special, '\\$&'))
    .join('[^/@\\s]*');
  return new RegExp(`^${source}$`, 'i');
}
