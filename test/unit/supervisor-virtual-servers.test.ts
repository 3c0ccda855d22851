import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { renderVirtualServices } from '../../sidecar/runtime/virtual-servers.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../images/keepalived/lib/virtual-servers.awk');
const LIMIT_MS = 10_000;

/** What this node is to do, by what the supervisor knows and what is asked for. */
async function planOf(known: readonly string[], asked: readonly string[], available = true): Promise<string[]> {
  const input = [...known, 'what is asked for:', ...asked].map((line) => `${line}\n`).join('');
  const words = ['-v', `available=${available ? 1 : 0}`, '-f', PROGRAM];
  const { stdout } = await execa('awk', words, { input, timeout: LIMIT_MS });
  return stdout === '' ? [] : stdout.split('\n');
}

const CONFIGURED = ['#! address eth0 192.0.2.1/24 api_1', '#! address eth1 2001:db8::1/64 api_2'];
const OWN = '2: eth0    inet 192.0.2.9/24 scope global eth0';
const HELD = '2: eth0    inet 192.0.2.1/24 scope global proto 0x12 eth0';
const HELD6 = '3: eth1    inet6 2001:db8::1/64 scope global deprecated proto 0x12';
const ON_DUMMY = '9: dummyvip0    inet 192.0.2.1/32 scope host dummyvip0';
const VIRTUAL = 'virtual 192.0.2.1 6443 DR rr 0 60';
const REAL = 'real 192.0.2.9 6443 1';

function settings(plan: readonly string[]): string[] {
  return plan.filter((line) => line.startsWith('set '));
}

describe('the file of virtual servers', () => {
  it('may have what the sidecar writes', async () => {
    const text = renderVirtualServices({
      services: [
        {
          ...{ address: '192.0.2.1', port: 6443, kind: 'NAT', scheduler: 'lblc' },
          ...{ persistenceSeconds: 2_678_400, delaySeconds: 1.234567 },
          servers: [{ address: '192.0.2.9', port: 6443, weight: 0 }],
        },
        {
          ...{ address: '2001:db8::1', port: 1, kind: 'TUN', scheduler: 'sh' },
          ...{ persistenceSeconds: 0, delaySeconds: 86_400 },
          servers: [],
        },
      ],
      syncId: 255,
    });
    expect(text).toBe(
      'virtual 192.0.2.1 6443 NAT lblc 2678400 1.234567\nreal 192.0.2.9 6443 0\nvirtual 2001:db8::1 1 TUN sh 0 86400\nsync 255\n',
    );
    expect((await planOf([...CONFIGURED, HELD], text.trimEnd().split('\n'))).join('\n')).not.toMatch(/^[!#]/m);
  });

  it.each([
    'virtual 192.0.2.1 6443 DR rr 0',
    'virtual 192.0.2.1 6443 DR rr 0 60 60',
    'virtual 192.0.2.1 6443 DR rr 0 0',
    'virtual 192.0.2.1 6443 DR rr 0 1e9',
    'virtual 192.0.2.1 6443 DR rr 2678401 60',
    'virtual 192.0.2.1 6443 DR ovf 0 60',
    'virtual 192.0.2.1 6443 LOCAL rr 0 60',
    'virtual 192.0.2.1 0 DR rr 0 60',
    'virtual 192.0.2.1 65536 DR rr 0 60',
    'virtual 192.0.2.1/24 6443 DR rr 0 60',
    'virtual localhost 6443 DR rr 0 60',
    'virtual fwmark 7 DR rr 0 60',
    'real 192.0.2.9 6443 256',
    'real 192.0.2.9 6443 -1',
    'real 192.0.2.9 6443 1 notify_up',
    'sync 256',
    'sync',
    'conf virtual_server 192.0.2.1 6443 {',
    'include /etc/shadow',
    '# a comment',
    '',
    'sync 1\u0007',
    'sync\u00a01',
  ])('may not have %j', async (line) => {
    const [said] = await planOf(CONFIGURED, [VIRTUAL, line]);
    expect(said).toMatch(
      /^! \(virtual-servers: Line 2\) nothing of a virtual server: ".*"; write what the sidecar writes only$/,
    );
  });

  it('may not have a server of no virtual one', async () => {
    expect((await planOf(CONFIGURED, [REAL]))[0]).toMatch(/^! \(virtual-servers: Line 1\)/);
  });

  it('may not be larger than what is read of it, and is told to be wrong in five lines at most', async () => {
    expect(await planOf([], Array(4_000).fill(VIRTUAL))).toEqual([
      '! the file of virtual servers is larger than it can be; look at what wrote it',
    ]);
    expect(await planOf([], Array(9).fill('wrong'))).toHaveLength(5);
  });
});

describe('what a node does for virtual servers', () => {
  it('is to balance only what it holds, on the interface of the address', async () => {
    const asked = [VIRTUAL, REAL];
    const table = (plan: readonly string[]) => plan.filter((line) => line.startsWith('conf '));
    expect(table(await planOf([...CONFIGURED, OWN, ON_DUMMY], asked))).toEqual([]);
    expect(table(await planOf([...CONFIGURED, OWN, ON_DUMMY, HELD], asked)).map((line) => line.slice(5))).toEqual([
      'virtual_server 192.0.2.1 6443 {',
      '    delay_loop 60',
      '    lb_algo rr',
      '    lb_kind DR',
      '    protocol TCP',
      '    real_server 192.0.2.9 6443 {',
      '        weight 1',
      '        TCP_CHECK {',
      '            connect_timeout 1',
      '            retry 1',
      '            delay_before_retry 0.2',
      '            warmup 0',
      '        }',
      '    }',
      '}',
    ]);
  });

  it('has persistence where that is asked for', async () => {
    const plan = await planOf([...CONFIGURED, HELD], ['virtual 192.0.2.1 6443 NAT wlc 360 1', REAL]);
    expect(plan).toContain('conf     persistence_timeout 360');
  });

  it.each([
    ['DR', VIRTUAL, ['dummy 192.0.2.1'], ['conf/all/arp_ignore 1', 'conf/all/arp_announce 2']],
    [
      'TUN',
      'virtual 192.0.2.1 6443 TUN rr 0 60',
      ['tunnel tunl0 192.0.2.1', 'dummy 192.0.2.1'],
      ['conf/all/arp_ignore 1', 'conf/all/arp_announce 2', 'conf/tunl0/rp_filter 2'],
    ],
    ['NAT', 'virtual 192.0.2.1 6443 NAT rr 0 60', [], ['vs/conntrack 1', 'ip_forward 1']],
  ])('by %s is to be a server too, whoever holds the address', async (_kind, virtual, parts, wanted) => {
    const plan = await planOf([...CONFIGURED, OWN], [virtual, REAL]);
    expect(plan.filter((line) => /^(dummy|tunnel) /.test(line))).toEqual(parts);
    expect(settings(plan)).toEqual(
      ['vs/expire_nodest_conn 1', 'vs/expire_quiescent_template 1', ...wanted].map((each) => `set net/ipv4/${each}`),
    );
  });

  it('with IPv6 leaves ARP alone', async () => {
    const plan = await planOf([...CONFIGURED], ['virtual 2001:db8::1 6443 TUN rr 0 60']);
    expect(settings(plan)).toHaveLength(2);
    expect(plan).toEqual(expect.arrayContaining(['tunnel ip6tnl0', 'dummy 2001:db8::1']));
  });

  it.each([
    ['holds no address hears of connections', [OWN], ['sync backup eth0 7']],
    ['holds some tells and hears', [OWN, HELD], ['sync master eth0 7', 'sync backup eth0 7']],
    ['holds all tells', [OWN, HELD, HELD6], ['sync master eth0 7']],
    ['has no IPv4 address does so by IPv6', [], ['sync backup eth0 7 ff02::81']],
  ])('that %s', async (_what, here, daemons) => {
    const six = 'virtual 2001:db8::1 6443 DR rr 0 60';
    const plan = await planOf([...CONFIGURED, ...here], [VIRTUAL, REAL, six, 'sync 7']);
    expect(plan.filter((line) => line.startsWith('sync '))).toEqual(daemons);
  });

  it('is nothing where nothing is asked for', async () => {
    expect(await planOf([...CONFIGURED, HELD], [])).toEqual([]);
    expect(await planOf([...CONFIGURED, HELD], [], false)).toEqual([]);
  });

  it('is nothing, and says why, where the kernel has no IPVS', async () => {
    expect(await planOf([...CONFIGURED, HELD], [VIRTUAL, REAL, 'sync 7'], false)).toEqual([
      '# the kernel of this node has no IPVS: load its module (modprobe ip_vs, and a file in /etc/modules-load.d for the next start), or leave out virtualServers',
    ]);
  });

  it('leaves out an address that keepalived has not, and says so', async () => {
    expect(await planOf([HELD], [VIRTUAL, REAL, 'sync 7'])).toEqual([
      '# 192.0.2.1 is not balanced: keepalived has no such virtual address',
    ]);
  });
});
