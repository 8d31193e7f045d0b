import type { OperationAnswer } from '../../operations/operation-runner.ts';
import type { ReportedAnswer } from '../../operations/run-reported.ts';
import { nodeHeader, toHeaderText } from '../answer-headers.ts';
import { ndjsonResponse } from '../ndjson-response.ts';

/** An engine's own answer. */
export function answerResponse({ status, contentType, body }: OperationAnswer): Response {
  const type: Record<string, string> = contentType === '' ? {} : { 'content-type': contentType };
  const headers = { ...type, 'content-length': String(body.length) };
  return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers });
}

export function reportResponse(answer: ReportedAnswer): Promise<Response> | Response {
  return answer.form === 'answer' ? answerResponse(answer.answer) : ndjsonResponse(answer.lines);
}

/** Names the node that did it; where several did, their lines do. */
export function withNodes(nodes: readonly string[], response: Response): Response {
  const [node] = nodes;
  if (node !== undefined && nodes.length === 1) response.headers.set(nodeHeader, toHeaderText(node));
  return response;
}
