import type { OperationAnswer } from '../../operations/operation-runner.ts';
import type { ReportedAnswer } from '../../operations/run-reported.ts';
import { attemptsHeader, nodeHeader, toNodeList } from '../answer-headers.ts';
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

/** Names the nodes that did it, asked once each unless told otherwise. */
export function withNodes(nodes: readonly string[], response: Response, attempts = nodes.length): Response {
  if (nodes.length > 0) response.headers.set(nodeHeader, toNodeList(nodes));
  response.headers.set(attemptsHeader, String(attempts));
  return response;
}
