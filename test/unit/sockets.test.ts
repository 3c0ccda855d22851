import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openSockets, parseInternetTable, parsePacketTable } from '../e2e/sockets.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const REST = '00000000:00000000 00:00000000 00000000 65532        0';

describe('the sockets that the network can reach', () => {
  it('are those that listen, with their address and port', () => {
    const table = [
      HEAD,
      `   4: 0100007F:281F 00000000:0000 0A ${REST} 4477138 1 0 100 0 0 10 0`,
      `   6: 00000000:0050 00000000:0000 0A ${REST} 4808460 1 0 100 0 0 10 0`,
      `   7: 0100007F:2808 0100007F:B088 01 ${REST} 4808461 1 0 100 0 0 10 0`,
    ].join('\n');
    expect(parseInternetTable('tcp', table)).toEqual([
      { kind: 'tcp', address: '127.0.0.1', number: 10271, inode: 4477138 },
      { kind: 'tcp', address: 'any', number: 80, inode: 4808460 },
    ]);
  });

  it('are found for IPv6', () => {
    const table = `${HEAD}\n   0: 00000000000000000000000001000000:2810 0000:0000 0A ${REST} 7 2 0 100 0 0 10 0\n`;
    expect(parseInternetTable('tcp', table)).toEqual([
      { kind: 'tcp', address: '0000:0000:0000:0000:0000:0000:0000:0001', number: 10256, inode: 7 },
    ]);
  });

  it('are raw ones too, by their protocol', () => {
    const table = `${HEAD}\n  86: 120000E0:0070 00000000:0000 07 ${REST} 4800025 2 0 0\n`;
    expect(parseInternetTable('raw', table)).toEqual([
      { kind: 'raw', address: '224.0.0.18', number: 112, inode: 4800025 },
    ]);
  });

  it('are those for frames, by their type', () => {
    const table = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
0000000058dd9038 3      3    0806   0     1 0      0      4478141
`;
    expect(parsePacketTable(table)).toEqual([{ kind: 'packet', address: '', number: 0x806, inode: 4478141 }]);
  });

  it('are told by who has them open', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(openSockets([process.pid])).toContain(`tcp 127.0.0.1 ${port}`);
    await new Promise((resolve) => server.close(resolve));
    expect(openSockets([process.pid])).not.toContain(`tcp 127.0.0.1 ${port}`);
  });
});
