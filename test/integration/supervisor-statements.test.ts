import { describe, expect, it } from 'vitest';
import { MULTICAST_GROUPS } from '../../api/instances.ts';
import type { VirtualAddress, VrrpInstance } from '../../sidecar/desired/vrrp-instance.ts';
import { renderConfig } from '../../sidecar/keepalived/render.ts';
import { config, FIRST, GOOD, RUNTIME_DIR } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';

const skip = mustSkipSupervisor('the statements that the supervisor lets through');
const STRANGE = 78;

const IPV4: VirtualAddress = { address: FIRST, prefixLength: 32, family: 4, interface: 'eth0' };
const IPV6: VirtualAddress = { address: '2001:db8::100', prefixLength: 64, family: 6, interface: 'eth0' };
const PLAIN: VrrpInstance = {
  name: 'vip',
  version: 3,
  virtualRouterId: 10,
  advertIntervalSeconds: 0.1,
  interface: 'eth0',
  addresses: [IPV4],
};

function rendered(instances: readonly VrrpInstance[], debug = false, pulseHost = '127.0.0.1'): string {
  const pulseUrl = `http://${pulseHost}:10270/pulse`;
  return renderConfig(instances, { node: 'node-1.example', runtimeDirectory: RUNTIME_DIR, pulseUrl, debug });
}

/** What the sidecar may write, each with something that the others do not have. */
const WRITTEN: readonly (readonly [string, (own: string) => string])[] = [
  ['nothing', () => rendered([])],
  ['one address', () => rendered([PLAIN])],
  ['both families and details', () => rendered([{ ...PLAIN, addresses: [IPV4, IPV6] }], true, '[::1]')],
  ['unicast', (own) => rendered([{ ...PLAIN, unicast: { sourceAddress: own, peers: ['10.77.0.200'] } }])],
  [
    'multicast groups',
    () =>
      rendered(
        [MULTICAST_GROUPS.least, 159, 160, 199, 200, 249, MULTICAST_GROUPS.most].flatMap((multicastGroup, index) => [
          {
            ...PLAIN,
            name: `a-${index}`,
            virtualRouterId: index + 1,
            multicastGroup,
            addresses: [{ ...IPV4, address: `10.77.1.${index + 1}` }],
          },
          {
            ...PLAIN,
            name: `b-${index}`,
            virtualRouterId: index + 1,
            multicastGroup,
            addresses: [{ ...IPV6, address: `2001:db8::${index + 1}` }],
          },
        ]),
      ),
  ],
  ['a password', () => rendered([{ ...PLAIN, version: 2, advertIntervalSeconds: 1, authPassword: "!#$%'[]~" }])],
  [
    'an objection',
    (own) =>
      rendered([{ ...PLAIN, addresses: [], objects: 4, unicast: { sourceAddress: own, peers: ['10.77.0.200'] } }]),
  ],
  [
    'settings and pools',
    () =>
      rendered(
        Array.from({ length: 200 }, (_, index) => ({
          ...PLAIN,
          name: index === 0 ? 'vip' : `pool.with-name-${index}`,
          virtualRouterId: index + 1,
          addresses: [
            { ...IPV4, address: `10.77.1.${index + 1}` },
            { ...IPV6, address: `2001:db8::${index + 1}`, prefixLength: 128 },
          ],
        })),
      ),
  ],
];

const IN_INSTANCE = 'vrrp_instance vip {\n';
const IN_GLOBAL = 'global_defs {\n';
/** What somebody adds to a right configuration who has the sidecar's rights and wants keepalived's. */
const ATTACKS: readonly (readonly [string, string | RegExp, string])[] = [
  ['a file of the host', /^/, 'include /etc/shadow\n'],
  ['a file of the host, if it is there', /^/, 'includer /etc/*\n'],
  ['a definition', /^/, '$X=include\n'],
  ['a condition', /^/, '@node include /etc/shadow\n'],
  ['a line that goes on', /^/, '# x \\\ninclude /etc/shadow\n'],
  ['a script of its own', /$/, 'vrrp_script x {\n    script "/bin/sh -c id"\n}\n'],
  ['a notification', IN_INSTANCE, `${IN_INSTANCE}    notify "/bin/sh -c id"\n`],
  ['a notification as master', IN_INSTANCE, `${IN_INSTANCE}    notify_master /tmp/x root\n`],
  ['a command at start', IN_GLOBAL, `${IN_GLOBAL}    startup_script /tmp/x\n`],
  ['another FIFO', IN_GLOBAL, `${IN_GLOBAL}    vrrp_notify_fifo /var/lib/keepalived-ingress-vip/addresses\n`],
  ['a program at the FIFO', IN_GLOBAL, `${IN_GLOBAL}    vrrp_notify_fifo_script /tmp/x\n`],
  ['a FIFO above', IN_GLOBAL, `${IN_GLOBAL}    vrrp_notify_fifo ${RUNTIME_DIR}/../notify.fifo\n`],
  ['another place for what it tells', IN_GLOBAL, `${IN_GLOBAL}    stats_dump_file /run/x\n`],
  ['processes of another network', IN_GLOBAL, `${IN_GLOBAL}    net_namespace other\n`],
  ['a track file elsewhere', `${RUNTIME_DIR}/track/vip.pulse`, '/proc/1/environ'],
  ['a track file above', `${RUNTIME_DIR}/track/vip.pulse`, `${RUNTIME_DIR}/track/../vip.pulse`],
  ['a track file that is written', '    weight 1\n', '    weight 1\n    init_file 1 overwrite\n'],
  ['an address for ever', /$/, 'static_ipaddress {\n    10.99.0.1/24 dev eth0\n}\n'],
  ['a route for ever', /$/, 'static_routes {\n    0.0.0.0/0 via 10.77.0.66 dev eth0\n}\n'],
  ['a rule for ever', /$/, 'static_rules {\n    from all table 66\n}\n'],
  ['a route', IN_INSTANCE, `${IN_INSTANCE}    virtual_routes {\n        default via 10.77.0.66\n    }\n`],
  ['a rule', IN_INSTANCE, `${IN_INSTANCE}    virtual_rules {\n        from all table 66\n    }\n`],
  ['a multicast group that is somebody’s', IN_INSTANCE, `${IN_INSTANCE}    mcast_dst_ip 224.0.0.251\n`],
  ['a multicast group beyond the link', IN_INSTANCE, `${IN_INSTANCE}    mcast_dst_ip 239.0.0.200\n`],
  ['a multicast group that is somebody’s by IPv6', IN_INSTANCE, `${IN_INSTANCE}    mcast_dst_ip ff02::fb\n`],
  ['an interface of its own', IN_INSTANCE, `${IN_INSTANCE}    use_vmac\n`],
  ['a mail', IN_GLOBAL, `${IN_GLOBAL}    smtp_server 10.77.0.66\n`],
  ['a load balancer', /$/, 'virtual_server 10.77.0.1 80 {\n}\n'],
  ['an address without its comment', `#! address eth0 ${FIRST}/24\n`, ''],
  ['an address whose comment the list does not find', /^#! address/, ' #! address'],
  ['a comment without its address', /^/, '#! address eth0 10.77.0.222/24\n'],
  ['a neighbourhood of half the world', new RegExp(`${FIRST}/24`, 'g'), `${FIRST}/1`],
  ['an interface like an option', new RegExp(`eth0 ${FIRST}`, 'g'), `-force ${FIRST}`],
  ['words after an address', ' dev eth0', ' dev eth0 scope host'],
  ['a pulse with an option', /^/, '#! pulse vip.pulse -200 -K/etc/shadow\n'],
  ['a pulse with an output', /^/, '#! pulse vip.pulse -200 http://127.0.0.1:1/pulse --output /x\n'],
  ['a pulse of a file', /^/, '#! pulse vip.pulse -200 file:///etc/shadow\n'],
  ['a pulse elsewhere', /^/, '#! pulse vip.pulse -200 http://10.77.0.66:80/pulse\n'],
  ['a pulse of another page', /^/, '#! pulse vip.pulse -200 http://127.0.0.1:10270/admin\n'],
  ['a pulse by another name', /^/, '#! pulse vip.pulse -200 http://127.0.0.1@10.77.0.66:80/pulse\n'],
  ['a pulse written elsewhere', /^/, '#! pulse ../keepalived.conf -200 http://127.0.0.1:10270/pulse\n'],
  ['a character that hides', /^/, '# \u001b[2J\n'],
  ['a block that does not end', /\}\n$/, ''],
  ['nothing at all', /[\s\S]*/, ''],
];

describe.skipIf(skip)('the supervisor lets through', () => {
  const network = new TestNetwork();
  network.register();

  it('whatever the sidecar writes', async () => {
    const node = await network.node();
    await node.start();
    for (const [index, [what, text]] of WRITTEN.entries()) {
      node.offer(text(node.address));
      await node.until(what, () => node.status.acceptedTotal === index + 1);
    }
    expect(node.status.rejectedTotal).toBe(0);
  });

  it('nothing else: each is refused before keepalived sees it, and named', async () => {
    const node = await network.node();
    await node.serve(GOOD, { address: FIRST });
    for (const [index, [what, place, text]] of ATTACKS.entries()) {
      const attack = GOOD.replace(place, text);
      expect(attack, what).not.toBe(GOOD);
      node.offer(attack);
      await node.until(what, () => node.status.rejectedTotal === index + 1);
      expect([what, node.status.exitCode]).toEqual([what, STRANGE]);
      expect(node.status.messages[0], what).toMatch(
        /^\(candidate\.conf: Line \d+\) .*offer what the sidecar writes only$/,
      );
    }
    expect(node.status.acceptedTotal).toBe(1);
    expect(await node.has(FIRST)).toBe(true);
  });

  it('and says in which line it is', async () => {
    const node = await network.node();
    await node.start();
    node.offer(config({ addresses: [FIRST], head: '# one\ninclude /etc/shadow\n' }));
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.status.messages).toEqual([
      '(candidate.conf: Line 2) a statement that is not let through: "include /etc/shadow"; offer what the sidecar writes only',
    ]);
    expect(node.log).not.toContain('Opening file');
  });
});
