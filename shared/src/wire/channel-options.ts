import type { ChannelOptions } from '@grpc/grpc-js';

/** Largest message either end takes. Payloads are cut long before; this stops what is no peer of ours. */
const messageMaxBytes = 4 * 1024 * 1024;

/** A connection whose peer does not answer pings of the transport for 5 s is given up: not earlier, a pause must not cut answers. */
const keepalive: ChannelOptions = {
  'grpc.keepalive_time_ms': 1_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

const limits: ChannelOptions = {
  'grpc.max_receive_message_length': messageMaxBytes,
  'grpc.max_send_message_length': messageMaxBytes,
};

/** Of the agent's connections, each of which is one of its own. */
export const clientChannelOptions: ChannelOptions = {
  ...keepalive,
  ...limits,
  'grpc.keepalive_permit_without_calls': 1,
  // Otherwise all channels to one address share a connection.
  'grpc.use_local_subchannel_pool': 1,
  // Reconnecting is the agent's own: every try is a connection of its own. One that was given up would otherwise be made
  // again by grpc a second later, before it notices after some ten that nobody uses it.
  'grpc.initial_reconnect_backoff_ms': 30_000,
  // A lane is not tried again, its jobs are: elsewhere.
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // The address may have changed with the network; the default looks it up again after 30 s only.
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  // Large bodies come down this way.
  'grpc-node.flow_control_window': 1024 * 1024,
};

/** Streams on one connection: the agent opens no more, the server takes a few more for what is just closing. */
export const streamsPerConnection = 100;

export const serverChannelOptions: ChannelOptions = {
  ...keepalive,
  ...limits,
  'grpc.max_concurrent_streams': 128,
  // A connection on which nobody opens anything.
  'grpc.max_connection_idle_ms': 60_000,
};
