import { Client, type ClientDuplexStream, credentials, type Metadata } from '@grpc/grpc-js';
import { clientChannelOptions } from '@waggle/shared/wire/channel-options.ts';
import type { StreamCall } from '@waggle/shared/wire/services.ts';

/** A connection of its own to the orchestrator. The one place that decides how connections are secured. */
export function dial(target: string): Client {
  return new Client(target, credentials.createInsecure(), clientChannelOptions);
}

export function openStream<UpSent, UpReceived, DownSent, DownReceived>(
  client: Client,
  call: StreamCall<UpSent, UpReceived, DownSent, DownReceived>,
  metadata?: Metadata,
): ClientDuplexStream<UpSent, DownReceived> {
  const { path, requestSerialize, responseDeserialize } = call;
  return metadata === undefined
    ? client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    : client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
}
