import type { PlainAnswer } from './errors/plain-answer.ts';

/** What can be wrong with a path: a double slash, a dot behind one, or something escaped. */
const suspicious = /\/[/.]|%/;
const badEscape = /%(?![\da-f]{2})/i;

/**
 * How Ollama's server answers a path before it looks for a route: one with a broken escape is refused, one with slashes or dots too many
 * is sent to the path it means, method and body and all. Undefined: nothing is wrong with it.
 */
export function judgePath(method: string, target: string, basePath: string): PlainAnswer | undefined {
  const queryAt = target.indexOf('?');
  const path = queryAt === -1 ? target : target.slice(0, queryAt);
  if (!suspicious.test(path)) return undefined;
  if (badEscape.test(path)) return { status: 400, body: '400 Bad Request', contentType: 'text/plain; charset=utf-8' };
  const cleaned = cleanPath(path);
  return cleaned === path ? undefined : redirect(method, basePath + cleaned + target.slice(path.length));
}

/** One leading slash whatever stood there, so that it cannot name another host. */
function cleanPath(path: string): string {
  const steps: string[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return `/${steps.join('/')}${path.endsWith('/') && steps.length > 0 ? '/' : ''}`;
}

function redirect(method: string, location: string): PlainAnswer {
  if (method !== 'GET' && method !== 'HEAD') return { status: 307, body: '', headers: { location } };
  const link = `<a href="${location.replace(/[&<>"']/g, toEntity)}">Temporary Redirect</a>.\n\n`;
  const body = method === 'HEAD' ? '' : link;
  return { status: 307, body, contentType: 'text/html; charset=utf-8', headers: { location } };
}

export function toEntity(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}
