import type { OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { answering, type Script, type ScriptedNode } from '../../operations/scripted-nodes.ts';
import type { TestServer } from '../test-server.ts';

export const tiny = { name: 'tiny:latest' };
export const vllm: ScriptedNode = {
  name: 'rack',
  models: [{ name: 'qwen' }],
  engine: { kind: 'vllm', dialect: 'openai' },
};
export const one = `sha256:${'1'.repeat(64)}`;
export const two = `sha256:${'2'.repeat(64)}`;

/** A node with these files that makes, copies and pushes whatever it is asked to. */
export function maker(
  name: string,
  { files = [], ...over }: { files?: string[] } & Partial<ScriptedNode> = {},
): ScriptedNode {
  const made = answering(200, '{"status":"parsing GGUF"}\n{"status":"success"}\n');
  const whole = answering(200, '{"status":"success"}');
  const held = new Set(files);
  const script: Script = async function* (request, signal, content) {
    const { digest, stream } = JSON.parse(request.bodyJson) as { digest: string; stream?: boolean };
    if (request.name === 'create' || request.name === 'push') {
      yield* (stream === false ? whole : made)(request, signal, content);
      return;
    }
    let status = 200;
    if (request.name === 'blob-head') status = held.has(digest) ? 200 : 404;
    if (request.name === 'blob-put') {
      status = held.has(digest) ? 200 : 201;
      for await (const chunk of content) if (chunk.byteLength > 0) held.add(digest);
    }
    yield { type: 'head', status, contentType: '' };
    yield { type: 'end' };
  };
  return { name, script, ...over };
}

/** The operations of these names, with where they went. */
export function asked(server: TestServer, ...names: readonly OperationRequest['name'][]): unknown[] {
  return Object.entries(server.cluster.links).flatMap(([node, link]) =>
    link.requests
      .filter(({ name }) => names.includes(name))
      .map((request) => ({ node, ...(JSON.parse(request.bodyJson) as object) })),
  );
}
