import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlPlaneOf, controlPlaneSchema } from '../../sidecar/config/control-plane.ts';
import { renderConfig } from '../../sidecar/keepalived/render.ts';
import { virtualServicesOf } from '../../sidecar/parts/virtual-services.ts';
import { renderVirtualServices } from '../../sidecar/runtime/virtual-servers.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { canRunUml, runInUml } from '../support/uml.ts';

/*
 * IPVS, on a kernel that has it: user-mode Linux. Three nodes with the product's supervisor, which gets what the product renders.
 */

const skip = mustSkip('virtual servers', [canMakeNamespaces, canRunUml, command('mmdebstrap')]);

const VIP = '10.99.0.100';
const VIP6 = 'fd00:99::100';
const NODES = ['n1', 'n2', 'n3'] as const;
const NUMBERS = [11, 12, 13];
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'dh', 'sh', 'sed', 'nq'];
const KINDS = ['NAT', 'DR', 'TUN'] as const;
/** As ipvsadm says how packets are sent on to a server. */
const WORDS = { NAT: '-m -w 1', DR: '-g -w 1', TUN: '-i -w 1 --tun-type ipip' } as const;
/** A minute or two on a machine that has nothing else to do. */
const LIMIT_MS = 900_000;

/** What the supervisor gets for a virtual server with these keys. */
function serversFile(server: object, states: readonly ('up' | 'draining')[] = ['up', 'up', 'up']): string {
  const six = JSON.stringify(server).includes(VIP6);
  const section = controlPlaneSchema.parse({
    enabled: true,
    keepalived: {
      vrrpInstances: [{ virtualIPs: [`${VIP}/24`, `${VIP6}/64`] }],
      virtualServers: [{ ipAddress: VIP, delayLoop: '500ms', ...server }],
    },
  });
  const proxy = controlPlaneOf(section, { version: 3, advertIntervalSeconds: 0.3 })?.proxy;
  if (!proxy) throw new Error('no proxy');
  const backends = NUMBERS.map((number, index) => {
    const address = six ? `fd00:99::${number}` : `10.99.0.${number}`;
    return { address, port: 6443, state: states[index], prepared: true };
  });
  return renderVirtualServices(virtualServicesOf(proxy, backends));
}

/** Each scheduler and each kind, on a port of its own. */
const EACH = KINDS.flatMap((kind, k) =>
  SCHEDULERS.map((scheduler, index) => ({ kind, scheduler, port: 7001 + k * SCHEDULERS.length + index })),
);

function allServices(): string {
  const servers = NUMBERS.map((number) => ({ address: `10.99.0.${number}`, port: 6443, weight: 1 as const }));
  const services = EACH.map((each) => ({
    ...each,
    ...{ address: VIP, persistenceSeconds: 360, delaySeconds: 60, servers },
  }));
  return renderVirtualServices({ services, syncId: 51 });
}

/** keepalived's configuration of a node, as the sidecar makes it. */
function keepalivedConfig(node: string): string {
  const address = (text: string, prefixLength: number, family: 4 | 6) => ({
    ...{ address: text, prefixLength, family },
    interface: 'eth0',
  });
  return renderConfig(
    [
      {
        name: 'api_1',
        version: 3,
        virtualRouterId: 51,
        advertIntervalSeconds: 0.3,
        interface: 'eth0',
        addresses: [address(VIP, 24, 4), address(VIP6, 64, 6)],
      },
    ],
    { node, runtimeDirectory: `/run/${node}/runtime`, pulseUrl: 'http://127.0.0.1:10270/pulse', debug: false },
  );
}

describe.skipIf(skip)('virtual servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let output = '';

  beforeAll(async () => {
    for (const node of NODES) writeFileSync(join(folder, `${node}.conf`), keepalivedConfig(node));
    const none = { persistenceTimeoutSeconds: 0 };
    const files = {
      DR: serversFile(none),
      'DR-drained': serversFile(none, ['up', 'draining', 'up']),
      NAT: serversFile({ ...none, lbKind: 'NAT' }),
      TUN: serversFile({ ...none, lbKind: 'TUN' }),
      DR6: serversFile({ ...none, ipAddress: VIP6 }),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, 'all'), allServices());
    const scripts = ['nodes.sh', 'scenario.sh'].map((name) =>
      readFileSync(join(import.meta.dirname, 'ipvs', name), 'utf8'),
    );
    output = await runInUml({ folder, script: scripts.join('\n'), limitMs: LIMIT_MS });
  }, LIMIT_MS + 700_000);

  /** What the scenario found out. */
  function told(what: string): string {
    const line = output.split('\n').findLast((each) => each.startsWith(`${what}=`));
    if (line === undefined) throw new Error(`the scenario does not tell of ${what}: ${output.slice(-3000)}`);
    return line.slice(what.length + 1).trim();
  }

  /** Who answered, each once. */
  function who(what: string): string[] {
    return [...new Set(told(what).split(' '))].toSorted();
  }

  /** The table with these servers. */
  function table(word: string, numbers: readonly number[], { algorithm = 'rr', persistence = '' } = {}): string {
    const reals = numbers.map((number) => `-a -t ${VIP}:6443 -r 10.99.0.${number}:6443 ${word} -w 1`);
    return [`-A -t ${VIP}:6443 -s ${algorithm}${persistence}`, ...reals].join(';');
  }

  /** What is told of each node. */
  function onEach(what: string): string[] {
    return NODES.map((node) => told(`${what} ${node}`));
  }

  it('are not there, and say why, where the kernel has no IPVS; keepalived and the address stay', () => {
    expect(told('without IPVS, status')).toBe('unavailable');
    expect(told('without IPVS, message')).toMatch(/^the kernel of this node has no IPVS: load its module/);
    expect(told('without IPVS, dummy')).toBe('');
    expect(told('without IPVS, address')).toBe('there');
    expect(told('without IPVS, keepalived')).toBe('1');
  });

  it('are in the table of the holder alone', () => {
    expect(onEach('DR, status')).toEqual(['applied', 'applied', 'applied']);
    expect(onEach('DR, table')).toEqual([table('-g', NUMBERS), '', '']);
  });

  it('by DR put the address on every node, of which only the holder tells the network', () => {
    expect(onEach('DR, dummy')).toEqual(Array(3).fill(`${VIP}/32`));
    expect(onEach('DR, arp')).toEqual(Array(3).fill('1 2'));
    expect(told('DR, who answered ARP')).toBe('holder');
    expect(told('DR, a source of no own connection')).toBe('1');
  });

  it('by DR leave keepalived as it is: the address is no node’s own', () => {
    expect(onEach('DR, accepted')).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it.each(['DR, answers', 'ended, answers', 'TUN, answers', 'NAT, answers', 'IPv6, answers'])(
    'reach every server, each in turn (%s)',
    (what) => {
      expect(who(what)).toEqual(['n1', 'n2', 'n3']);
    },
  );

  it('give nothing new to a server that drains, which stays', () => {
    expect(told('drained, table')).toContain('-r 10.99.0.12:6443 -g -w 0');
    expect(who('drained, answers')).toEqual(['n1', 'n3']);
  });

  it('are put back into a table that somebody emptied', () => {
    expect(told('emptied, table')).toBe(table('-g', NUMBERS));
  });

  it('tell who holds the address, and the others hear it', () => {
    expect(onEach('DR, daemons')).toEqual(['master eth0 51', 'backup eth0 51', 'backup eth0 51']);
    expect(Number(told('synchronised connections'))).toBeGreaterThanOrEqual(9);
  });

  it('go on, at the next holder, with every connection to a server that lives', () => {
    const answers = told('taken over, connections').split(' ');
    expect(answers.filter((answer) => !answer.startsWith('n1:'))).toEqual(
      expect.arrayContaining(['n2:works', 'n3:works']),
    );
    expect(answers.filter((answer) => answer.endsWith(':broken') && !answer.startsWith('n1:'))).toEqual([]);
    expect(told('taken over, table')).toBe(table('-g', NUMBERS));
    expect(told('taken over, daemons')).toBe('master eth0 51');
  });

  it('leave out a server that does not answer, without anybody’s word', () => {
    expect(who('taken over, answers')).toEqual(['n2', 'n3']);
  });

  it('leave the table of a node that gave the address away', () => {
    expect([told('back, table n1'), told('back, table n2')]).toEqual([table('-g', NUMBERS), '']);
  });

  it('of a container that was killed leave the table at its next start, and the node stays a server', () => {
    expect(told('killed, table')).toBe(table('-g', NUMBERS));
    expect(told('killed and back, table')).toBe('');
    expect(told('killed and back, dummy')).toBe(`${VIP}/32`);
    expect(told('killed and back, backup')).toBe('');
  });

  it('of a container that ends leave the table, and the node stays a server', () => {
    expect(told('ended, dummy')).toBe(`${VIP}/32`);
    // The next one has no configuration yet.
    expect(told('waiting, dummy')).toBe(`${VIP}/32`);
  });

  it('are put there by one keepalived, however long it takes to begin: what it balances already is not broken', () => {
    expect(told('ended, tables begun n3')).toBe('1');
  });

  it('of a container that ends are not begun again, with another holder that has a table', () => {
    expect(told('ended, tables begun n2')).toBe('0');
    expect(told('ended, table n2')).toBe('');
  });

  it('leave nothing in the table when the address leaves while it is being filled', () => {
    expect(told('begun and left, table')).toBe('');
  });

  it('have each of the nine schedulers, by each kind, with persistence', () => {
    const expected = EACH.flatMap(({ kind, scheduler, port }) => [
      `-A -t ${VIP}:${port} -s ${scheduler} -p 360`,
      // Only NAT changes a port.
      ...NUMBERS.map((number) => `-r 10.99.0.${number}:${kind === 'NAT' ? 6443 : port} ${WORDS[kind]}`).map(
        (real) => `-a -t ${VIP}:${port} ${real}`,
      ),
    ]);
    expect(told('all, table').split(';').toSorted()).toEqual(expected.toSorted());
  });

  it('by NAT put no address on other nodes, and have the answers come back by the holder', () => {
    expect(onEach('NAT, dummy')).toEqual(['', '', '']);
    expect(told('NAT, conntrack')).toBe('1 1');
    expect(told('NAT, arp')).toBe('0 0');
    expect(who('NAT, answers without masquerade')).not.toEqual(['n1', 'n2', 'n3']);
  });

  it('of IPv6 are as those of IPv4', () => {
    expect(told('IPv6, table')).toContain(`-A -t [${VIP6}]:6443 -s rr`);
    expect(onEach('IPv6, dummy')).toEqual(Array(3).fill(`${VIP6}/128`));
  });

  it('leave nothing when they are no longer asked for, and every setting as it was', () => {
    expect(onEach('over, table')).toEqual(['', '', '']);
    expect(onEach('over, dummy')).toEqual(['0', '0', '0']);
    expect(onEach('over, settings')).toEqual(Array(3).fill('0 0 0 0 0'));
    expect(onEach('over, daemons')).toEqual(['', '', '']);
    expect(onEach('over, tunnel')).toEqual(['', '', '']);
  });
});
