import { Pool } from 'undici';

export interface LoadOptions {
  readonly url: string;
  readonly path: string;
  readonly body: object;
  readonly inFlight: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly bytes: number;
  readonly failed: number;
}

/** Keeps a number of requests in flight for a while. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const pool = new Pool(options.url, { connections: options.inFlight, pipelining: 1 });
  const body = JSON.stringify(options.body);
  const deadline = performance.now() + options.seconds * 1000;
  let requests = 0;
  let bytes = 0;
  let failed = 0;
  const client = async () => {
    while (performance.now() < deadline) {
      const response = await pool.request({
        method: 'POST',
        path: options.path,
        body,
        headers: { 'content-type': 'application/json' },
      });
      for await (const chunk of response.body) bytes += (chunk as Buffer).length;
      if (response.statusCode === 200) requests++;
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: options.inFlight }, client));
  await pool.close();
  return { requests, bytes, failed };
}
