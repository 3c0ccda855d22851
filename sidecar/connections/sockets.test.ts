import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointOf, textOf } from './endpoint.ts';
import { clientsIn, type Wanted } from './sockets.ts';

/* Lines as Linux prints them, on a little-endian machine. */
const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, remote: string, state: string) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000000000000000 20 4 30 10 -1\n`;
const VIP = '640200C0'; // 192.0.2.100
const NODE = '010200C0'; // 192.0.2.1
const CLIENT = '0100000A'; // 10.0.0.1
const MAPPED = '0000000000000000FFFF0000';
const VIP6 = 'B80D0120000000000000000064000000'; // 2001:db8::64
const CLIENT6 = 'B80D0120000000000000000007000000'; // 2001:db8::7
/** The proxy of a node, in front of these addresses. */
const PROXIED = { addresses: ['192.0.2.100', '192.0.2.101', '2001:db8::64'], port: 6443, toPort: 6444 };
const LISTENS = line('00000000:0050', '00000000:0000', '0A');

function found(tables: readonly string[], wanted: Partial<Wanted> = {}) {
  const { clients, leftOut } = clientsIn(
    tables.map((table) => HEAD + table),
    {
      ...{ addresses: ['192.0.2.100', '2001:db8::64'], redirected: [], own: ['192.0.2.1', '192.0.2.100'], limit: 100 },
      ...wanted,
    },
  );
  const lines = [...clients].flatMap(([service, each]) => [...each].map((one) => `${textOf(service)} ${textOf(one)}`));
  return { lines, leftOut };
}

describe('the clients of a node', () => {
  it('are those connected to a virtual address where somebody listens, in both tables', () => {
    const table4 = LISTENS + line(`${VIP}:0050`, `${CLIENT}:D431`, '01');
    const mapped = line(`${MAPPED}${VIP}:0050`, `${MAPPED}${CLIENT}:D432`, '01');
    const table6 = mapped + line(`${VIP6}:0050`, `${CLIENT6}:D433`, '01');
    expect(found([table4, table6]).lines).toEqual([
      '192.0.2.100 80 10.0.0.1 54321',
      '192.0.2.100 80 10.0.0.1 54322',
      '2001:db8:0:0:0:0:0:64 80 2001:db8:0:0:0:0:0:7 54323',
    ]);
  });

  it.each([
    ['waits for an answer and has closed its end', '08', 1],
    ['has not got the last of it', '04', 1],
    ['is only just connecting', '03', 0],
    ['has all', '05', 0],
    ['is gone', '06', 0],
  ])('are %s: state %s', (_what, state, count) => {
    expect(found([LISTENS + line(`${VIP}:0050`, `${CLIENT}:D431`, state)]).lines).toHaveLength(count);
  });

  it('are none that the node itself is, nor connections that it made from a virtual address', () => {
    const own = line(`${VIP}:0050`, `${NODE}:D431`, '01') + line(`${VIP}:0050`, `${VIP}:D432`, '01');
    const outgoing = line(`${VIP}:D433`, `${CLIENT}:01BB`, '01');
    const elsewhere = line(`${NODE}:0050`, `${CLIENT}:D434`, '01');
    expect(found([LISTENS + own + outgoing + elsewhere]).lines).toEqual([]);
  });

  it('are those of the proxy by the port that was redirected to it, of every address of the family that they may have come by', () => {
    const table = line('00000000:192C', '00000000:0000', '0A') + line(`${NODE}:192C`, `${CLIENT}:D431`, '01');
    const wanted = { addresses: ['192.0.2.100', '192.0.2.101', '2001:db8::64'] };
    expect(found([table], { ...wanted, redirected: [PROXIED] }).lines).toEqual([
      '192.0.2.100 6443 10.0.0.1 54321',
      '192.0.2.101 6443 10.0.0.1 54321',
    ]);
    expect(found([table], wanted).lines).toEqual([]);
  });

  it('are also those whose connections go on to somewhere else, but for the node’s own', () => {
    const service = endpointOf('192.0.2.100', 443);
    const translated = new Map([[service, new Set([endpointOf('10.0.0.1', 1), endpointOf('192.0.2.1', 2)])]]);
    const wanted = { addresses: ['192.0.2.100'], redirected: [], own: ['192.0.2.1'], limit: 100 };
    expect(clientsIn([], wanted, translated).clients).toEqual(
      new Map([[service, new Set([endpointOf('10.0.0.1', 1)])]]),
    );
  });

  it('of the proxy are of the one address by which the kernel says that they came', () => {
    const table = line('00000000:192C', '00000000:0000', '0A') + line(`${NODE}:192C`, `${CLIENT}:D431`, '01');
    const wanted = {
      ...{ addresses: ['192.0.2.100', '192.0.2.101'], redirected: [PROXIED] },
      ...{ own: [], limit: 100 },
    };
    const clients = new Set([endpointOf('10.0.0.1', 54_321)]);
    const service = endpointOf('192.0.2.101', 6443);
    expect(clientsIn([table], wanted, new Map([[service, clients]])).clients).toEqual(new Map([[service, clients]]));
    // What the kernel said of an address that is not here any more counts for nothing.
    const gone = new Map([[endpointOf('192.0.2.102', 6443), clients]]);
    expect([...clientsIn([table], wanted, gone).clients.keys()]).toEqual([endpointOf('192.0.2.100', 6443), service]);
  });

  it('of the proxy are those alone that have a socket: the kernel remembers for days whom this node was cut off from', () => {
    const table = line('00000000:192C', '00000000:0000', '0A') + line(`${NODE}:192C`, `${CLIENT}:D431`, '01');
    const wanted = {
      ...{ addresses: ['192.0.2.100'], redirected: [PROXIED], own: [], limit: 100 },
    };
    const service = endpointOf('192.0.2.100', 6443);
    const [here, gone] = [endpointOf('10.0.0.1', 54_321), endpointOf('10.0.0.1', 54_320)];
    expect(clientsIn([table], wanted, new Map([[service, new Set([gone, here])]])).clients).toEqual(
      new Map([[service, new Set([here])]]),
    );
    expect(clientsIn([], wanted, new Map([[service, new Set([gone])]])).clients).toEqual(new Map());
    // At a port that is not redirected there is no socket to look for.
    const pods = new Map([[endpointOf('192.0.2.100', 443), new Set([gone])]]);
    expect(clientsIn([table], wanted, pods).clients.get(endpointOf('192.0.2.100', 443))).toEqual(new Set([gone]));
  });

  it('of another address, at a port that is redirected of the proxy’s alone, are as if nothing was redirected', () => {
    const table = line('00000000:192C', '00000000:0000', '0A') + line(`${NODE}:192C`, `${CLIENT}:D431`, '01');
    const wanted = { addresses: ['192.0.2.100', '192.0.2.200'], redirected: [PROXIED], own: [], limit: 100 };
    const [proxied, other] = [endpointOf('192.0.2.100', 6443), endpointOf('192.0.2.200', 6443)];
    const ofPods = new Set([endpointOf('10.0.0.1', 54_320)]);
    expect(clientsIn([table], wanted, new Map([[other, ofPods]])).clients).toEqual(
      new Map([
        [proxied, new Set([endpointOf('10.0.0.1', 54_321)])],
        [other, ofPods],
      ]),
    );
    // Without an address of the proxy's here, its port is any other.
    expect(clientsIn([table], { ...wanted, addresses: ['192.0.2.200'] }).clients).toEqual(new Map());
  });

  it('are found among any number of sockets in any state, wherever these are', () => {
    const states = fc.array(fc.integer({ min: 1, max: 11 }), { maxLength: 40 });
    fc.assert(
      fc.property(states, (all) => {
        const hex = (number: number, digits: number) => number.toString(16).toUpperCase().padStart(digits, '0');
        const lines = all.map((state, index) =>
          line(`${VIP}:0050`, `${CLIENT}:${hex(1000 + index, 4)}`, hex(state, 2)),
        );
        const waits = all.flatMap((state, index) => ([1, 4, 8].includes(state) ? [1000 + index] : []));
        const { lines: texts } = found([[...lines, LISTENS].join('')]);
        expect(texts.toSorted()).toEqual(waits.map((port) => `192.0.2.100 80 10.0.0.1 ${port}`).toSorted());
      }),
    );
  });

  it('are not more than the limit, and those beyond are counted', () => {
    const many = [1, 2, 3, 4, 5].map((port) => line(`${VIP}:0050`, `${CLIENT}:000${port}`, '01')).join('');
    const { lines, leftOut } = found([LISTENS + many], { limit: 3 });
    expect(lines).toHaveLength(3);
    expect(leftOut).toBe(2);
  });
});
