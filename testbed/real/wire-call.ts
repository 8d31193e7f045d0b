import { request } from 'node:http';

/** One call that is made to an engine and to Waggle in front of another in the same state. */
export interface WireCall {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly rawBody?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Both engines are to have nothing loaded and nothing cached when it comes. */
  readonly fresh?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Of a 405 and of a redirect. */
  readonly allow: string;
  readonly location: string;
  readonly text: string;
}

/** The call as it is written, on a connection of its own: no header is added, no redirect followed. */
export function callWire(base: string, call: WireCall): Promise<WireAnswer> {
  const body = call.rawBody ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${base}${call.path}`,
      {
        method: call.method,
        agent: false,
        headers: {
          ...(body === undefined || call.headers?.['transfer-encoding'] !== undefined
            ? {}
            : { 'content-length': Buffer.byteLength(body) }),
          ...call.headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const { headers } = incoming;
          resolve({
            status: incoming.statusCode ?? 0,
            contentType: headers['content-type'] ?? '',
            allow: headers.allow ?? '',
            location: headers.location ?? '',
            text: Buffer.concat(chunks).toString(),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
