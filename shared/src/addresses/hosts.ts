import { isIP, isIPv4 } from 'node:net';

const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** An IP address or a host name; brackets around IPv6 are taken off. Undefined if it is neither. */
export function parseHost(text: string): string | undefined {
  const host = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (isIP(host) !== 0) return host;
  if (host !== text || host.length > 253) return undefined;
  const labels = host.replace(/\.$/, '').split('.');
  // A name that ends in a number is a mistyped address, as in URLs.
  if (/^\d*$/.test(labels.at(-1) ?? '')) return undefined;
  return labels.every((label) => HOST_LABEL.test(label)) ? host : undefined;
}

export function isLoopbackHost(host: string): boolean {
  const lower = host.toLowerCase().replace(/^::ffff:/, '');
  if (isIPv4(lower)) return lower.startsWith('127.');
  return lower === '::1' || lower === '0:0:0:0:0:0:0:1' || lower === 'localhost' || lower.endsWith('.localhost');
}

export function isUnspecifiedHost(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '::0' || host === '0:0:0:0:0:0:0:0';
}

/** Where a client connects to for this URL: brackets around IPv6 taken off, the scheme's own port where none is named. */
export function toDialledAddress({ hostname, port, protocol }: URL): { readonly host: string; readonly port: number } {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return { host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) };
}

/** `host:port` with brackets where IPv6 needs them. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Splits `HOST`, `HOST:PORT` or `[v6]:PORT`; a bare IPv6 address has no port. Undefined if it is neither. */
export function parseHostPort(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const bare = parseHost(text);
  if (bare !== undefined) return { host: bare, port: defaultPort };
  const colon = text.lastIndexOf(':');
  const host = parseHost(text.slice(0, Math.max(colon, 0)));
  const digits = text.slice(colon + 1);
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}
