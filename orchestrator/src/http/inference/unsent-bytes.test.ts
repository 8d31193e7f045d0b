import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Connections, createUnsentBytes, toHex } from './unsent-bytes.ts';

describe('the table of connections', () => {
  it.each([
    ['127.0.0.1', 3001, '0100007F:0BB9'],
    ['192.168.1.20', 65_535, '1401A8C0:FFFF'],
    ['::1', 80, '00000000000000000000000001000000:0050'],
    ['::ffff:127.0.0.1', 80, '0100007F:0050'],
    ['fe80::1:2%eth0', 1, '000080FE000000000000000002000100:0001'],
    ['2001:db8:1:2:3:4:5:6', 1, 'B80D0120020001000400030006000500:0001'],
  ])('writes %s:%i as %s', (address, port, expected) => {
    expect(toHex(address, port, 'LE')).toBe(expected);
  });

  it('is read by both addresses, and the row of a peer on this machine with it', () => {
    const tables = [
      `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3802462 1
  11: 0100007F:0BB9 0100007F:D431 01 0026F0A1:00000010 01:00000014 00000000     0        0 3802463 2
  12: 1401A8C0:0BB9 0700A8C0:D431 01 00000123:00000010 01:00000014 00000000     0        0 3802464 2
`,
      `  12: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:0BB9 01 00000000:00000100 01:00000014
`,
    ];
    const connections = new Connections(tables);
    const unsent = (local: string, remote: string) =>
      connections.unsent(toHex(local, 3_001, 'LE'), toHex(remote, 54_321, 'LE'));
    expect(unsent('127.0.0.1', '127.0.0.1')).toBe(0x26f0a1 + 0x100);
    expect(unsent('192.168.1.20', '192.168.0.7')).toBe(0x123);
    expect(unsent('::ffff:192.168.1.20', '::ffff:192.168.0.7')).toBe(0x123);
    expect(unsent('192.168.1.20', '192.168.0.8')).toBeUndefined();
  });
});

it.runIf(platform() === 'linux').each(['127.0.0.1', '::1'])(
  'tells how much a reader at %s left, and that he took some',
  async (host) => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const reader = connect((server.address() as AddressInfo).port, host).pause();
    const [socket] = (await once(server, 'connection')) as [Socket];
    const unsentBytes = createUnsentBytes();
    // Until the reader's own buffer is full as well, and nothing moves any more.
    while (socket.write(Buffer.alloc(1_000_000)) || socket.writableLength < 20_000_000);
    let left = await unsentBytes(socket);
    for (let next = await unsentBytes(socket); next !== left || left === 0; next = await unsentBytes(socket))
      left = next;
    expect(left).toBeGreaterThan(0);
    reader.resume();
    await new Promise<void>((resolve) => {
      let taken = 0;
      reader.on('data', (chunk) => {
        taken += chunk.length;
        if (taken > 30_000_000 || socket.writableLength === 0) resolve();
      });
    });
    while ((await unsentBytes(socket)) !== 0);
    reader.destroy();
    socket.destroy();
    server.close();
  },
);

it('tells nothing where the system does not, or of a connection that is gone', async () => {
  const socket = connect(1, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.on('close', resolve));
  expect(await createUnsentBytes('win32')(socket)).toBeUndefined();
  expect(await createUnsentBytes('linux')(socket)).toBeUndefined();
});
