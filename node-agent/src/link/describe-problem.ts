const known: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/ECONNREFUSED/, 'nothing listens there'],
  [/Protocol error|HTTP2|HPE_/i, 'what listens there is not the port of an orchestrator for agents'],
  [/Name resolution failed|ENOTFOUND|EAI_AGAIN/, 'there is no machine of that name'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'that machine cannot be reached from here'],
];

/** Why no connection came about, in words that follow a colon; gRPC's own where there are no better ones. */
export function describeProblem(said: string): string {
  return known.find(([pattern]) => pattern.test(said))?.[1] ?? said;
}
