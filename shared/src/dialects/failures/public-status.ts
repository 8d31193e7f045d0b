import type { ClusterError } from '../../errors/cluster-error.ts';

/**
 * Status a client is told. The engine's own where it gave one, save where the client would take it for its own doing: the
 * engine's refusal of the node's credentials is no refusal of the client's.
 */
export function publicStatus(error: ClusterError): number {
  const { engineStatus } = error.details;
  if (engineStatus === undefined || engineStatus < 400 || engineStatus > 599) return error.httpStatus;
  return engineStatus === 401 || engineStatus === 403 || engineStatus === 407 ? error.httpStatus : engineStatus;
}

/** The engine's own words where there are any. */
export function publicMessage(error: ClusterError): string {
  const { engineMessage } = error.details;
  return engineMessage === undefined || engineMessage === '' ? error.message : engineMessage;
}
