import { Metadata } from '@grpc/grpc-js';

/** What a stream other than the control stream says of itself when it is opened. */
export interface SessionClaim {
  readonly sessionId: string;
  /** Number the agent gave the connection, from 1. */
  readonly connection: number;
  /** In hex. */
  readonly mac: string;
  /** Lanes only. */
  readonly engineId?: string;
  /** Operations only: the id that was asked for on the control stream. */
  readonly streamId?: number;
}

export function toMetadata({ sessionId, connection, mac, engineId, streamId }: SessionClaim): Metadata {
  const metadata = new Metadata();
  metadata.set('waggle-session', sessionId);
  metadata.set('waggle-connection', String(connection));
  metadata.set('waggle-mac', mac);
  if (engineId !== undefined) metadata.set('waggle-engine', encodeURIComponent(engineId));
  if (streamId !== undefined) metadata.set('waggle-stream', String(streamId));
  return metadata;
}

/** Undefined: something is missing or not what it should be. */
export function fromMetadata(metadata: Metadata): SessionClaim | undefined {
  const sessionId = first(metadata, 'waggle-session');
  const connection = toNumber(first(metadata, 'waggle-connection'));
  const mac = first(metadata, 'waggle-mac');
  if (sessionId === undefined || connection === undefined || mac === undefined) return undefined;
  const engineId = decode(first(metadata, 'waggle-engine'));
  const streamId = toNumber(first(metadata, 'waggle-stream'));
  return {
    sessionId,
    connection,
    mac,
    ...(engineId === undefined ? {} : { engineId }),
    ...(streamId === undefined ? {} : { streamId }),
  };
}

function first(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
