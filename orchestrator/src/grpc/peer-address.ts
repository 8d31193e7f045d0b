/** Whether a peer as grpc names it (`127.0.0.1:1234`, `::1:1234`) is on this machine. */
export function isLoopbackPeer(peer: string): boolean {
  const host = peer.slice(0, Math.max(0, peer.lastIndexOf(':'))).replace(/^\[|\]$/g, '');
  const ipv4 = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
  return host === '::1' || /^127(\.\d{1,3}){3}$/.test(ipv4);
}
