export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
}

/** A new minor adds fields and kinds that older peers skip; a new major is refused by them. */
export const protocolVersion: ProtocolVersion = { major: 1, minor: 1 };

export function isCompatible(peer: ProtocolVersion, own: ProtocolVersion = protocolVersion): boolean {
  return peer.major === own.major;
}

export function formatVersion({ major, minor }: ProtocolVersion): string {
  return `${major}.${minor}`;
}
