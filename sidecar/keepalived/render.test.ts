import { describe, expect, it } from 'vitest';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { announcementsFor, renderConfig as renderAll } from './render.ts';

const options = { node: 'node1', runtimeDirectory: '/run/vip', pulseUrl: 'http://127.0.0.1:10270/pulse', debug: false };

function address(text: string, family: 4 | 6 = 4) {
  return { address: text, prefixLength: family === 4 ? 24 : 64, family, interface: 'eth0' };
}

const instance: VrrpInstance = {
  name: 'vip',
  version: 3,
  virtualRouterId: 10,
  advertIntervalSeconds: 0.1,
  interface: 'eth0',
  addresses: [address('192.0.2.100')],
};

function renderConfig(one: VrrpInstance, given = options): string {
  return renderAll([one], given);
}

/** The lines inside a block, without indentation. */
function blockOf(text: string, head: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const from = lines.indexOf(`${head} {`);
  return from < 0 ? [] : lines.slice(from + 1, lines.indexOf('}', from));
}

describe('the configuration', () => {
  it('is the same text for the same input', () => {
    expect(renderConfig(instance, options)).toBe(renderConfig(structuredClone(instance), options));
  });

  it('starts as backup with the one base priority on every node, so that only the track files tell nodes apart', () => {
    const text = renderConfig(instance, options);
    expect(text).toContain('state BACKUP');
    expect(text).toContain('priority 244');
    expect(text).not.toContain('nopreempt');
  });

  it('closes the gate when its file is missing, and takes silence of the sidecar as a loss of priority', () => {
    const text = renderConfig(instance, options);
    expect(blockOf(text, 'track_file vip_gate')).toEqual(['file /run/vip/track/vip.gate', 'weight 0 reverse']);
    expect(blockOf(text, 'track_file vip_offset')).toEqual(['file /run/vip/track/vip.offset', 'weight 1']);
    expect(blockOf(text, 'track_file vip_pulse')).toEqual(['file /run/vip/track/vip.pulse', 'weight 1']);
    expect(text).toContain('#! pulse vip.pulse -240 http://127.0.0.1:10270/pulse\n');
  });

  it('advertises one address and leaves the others out of the packet, so that adding one disturbs no neighbour', () => {
    const text = renderConfig({ ...instance, addresses: [address('192.0.2.100'), address('192.0.2.101')] }, options);
    expect(blockOf(text, 'virtual_ipaddress')).toEqual(['192.0.2.100/24 dev eth0']);
    expect(blockOf(text, 'virtual_ipaddress_excluded')).toEqual(['192.0.2.101/24 dev eth0']);
  });

  it('moves IPv6 and IPv4 in one instance, advertised by IPv4', () => {
    const text = renderConfig(
      { ...instance, addresses: [address('2001:db8::100', 6), address('192.0.2.100')] },
      options,
    );
    expect(blockOf(text, 'virtual_ipaddress')).toEqual(['192.0.2.100/24 dev eth0']);
    expect(blockOf(text, 'virtual_ipaddress_excluded')).toEqual(['2001:db8::100/64 dev eth0 preferred_lft 0']);
  });

  it('speaks in a multicast group of its own, in the family that it advertises', () => {
    const apart = { ...instance, multicastGroup: 200 };
    const addresses = [address('2001:db8::100', 6), address('192.0.2.100')];
    const grouped = (one: Partial<VrrpInstance>) => renderConfig({ ...apart, ...one }).match(/mcast_dst_ip .*/g);
    expect(grouped({ addresses })).toEqual(['mcast_dst_ip 224.0.0.200']);
    expect(grouped({ addresses: addresses.slice(0, 1) })).toEqual(['mcast_dst_ip ff12::c8']);
    expect(grouped({ addresses: [], objects: 4 })).toEqual(['mcast_dst_ip 224.0.0.200']);
    expect(grouped({ addresses: [], objects: 6 })).toEqual(['mcast_dst_ip ff12::c8']);
    expect(renderConfig(instance)).not.toContain('mcast_dst_ip');
  });

  it('speaks IPv6 where there is no IPv4', () => {
    const text = renderConfig({ ...instance, addresses: [address('2001:db8::100', 6)] }, options);
    expect(blockOf(text, 'virtual_ipaddress')).toEqual(['2001:db8::100/64 dev eth0 preferred_lft 0']);
  });

  it('advertises no address where all are of another family than its peers: keepalived would refuse everything', () => {
    const unicast = { sourceAddress: '192.0.2.11', peers: ['192.0.2.12'] };
    const text = renderConfig({ ...instance, addresses: [address('2001:db8::100', 6)], unicast }, options);
    expect(text).toContain('    no_virtual_ipaddress\n');
    expect(blockOf(text, 'virtual_ipaddress')).toEqual([]);
    expect(blockOf(text, 'virtual_ipaddress_excluded')).toEqual(['2001:db8::100/64 dev eth0 preferred_lft 0']);
  });

  it('accepts unicast from its peers only, and nothing that was routed', () => {
    const unicast = { sourceAddress: '192.0.2.11', peers: ['192.0.2.12', '192.0.2.13'] };
    const text = renderConfig({ ...instance, unicast }, options);
    expect(blockOf(text, 'unicast_peer')).toEqual(['192.0.2.12 min_ttl 255', '192.0.2.13 min_ttl 255']);
    expect(text).toContain('unicast_src_ip 192.0.2.11');
    expect(text).toContain('unicast_ttl 255');
    expect(text).toContain('vrrp_check_unicast_src');
    expect(renderConfig(instance, options)).not.toContain('unicast');
  });

  it('has an instance without addresses take part like others, in the family that it is told', () => {
    const spare = { ...instance, addresses: [], spare: 4 as const };
    const text = renderConfig(spare, options);
    expect(text).toContain('    no_virtual_ipaddress\n');
    expect(text).toContain('state BACKUP');
    expect(text).not.toContain('#! address');
    expect(blockOf(text, 'track_file vip_gate')).toHaveLength(2);
    expect(text).not.toContain('native_ipv6');
    expect(renderConfig({ ...spare, spare: 6 }, options)).toContain('    native_ipv6\n');
  });

  it('has the password of version 2', () => {
    const text = renderConfig({ ...instance, version: 2, advertIntervalSeconds: 1, authPassword: 'a#b!c' }, options);
    expect(blockOf(text, 'authentication')).toEqual(['auth_type PASS', 'auth_pass "a#b!c"']);
  });

  it('lists the addresses for the supervisor', () => {
    const text = renderConfig(
      { ...instance, addresses: [address('192.0.2.100'), address('2001:db8::100', 6)] },
      options,
    );
    expect(text.split('\n').slice(1, 3)).toEqual([
      '#! address eth0 192.0.2.100/24 vip',
      '#! address eth0 2001:db8::100/64 vip',
    ]);
  });
});

describe('the configuration of several instances', () => {
  const second: VrrpInstance = { ...instance, name: 'a-0', virtualRouterId: 11, addresses: [address('192.0.2.101')] };
  const third: VrrpInstance = { ...second, name: 'a-1', virtualRouterId: 12, addresses: [address('192.0.2.102')] };
  const text = renderAll([instance, second, third], options);

  it('has a gate and an offset for each, and one pulse for all', () => {
    expect(blockOf(text, 'track_file a-0_gate')).toEqual(['file /run/vip/track/a-0.gate', 'weight 0 reverse']);
    expect(blockOf(text, 'track_file a-1_offset')).toEqual(['file /run/vip/track/a-1.offset', 'weight 1']);
    expect(text.match(/^track_file \S+_pulse/gm)).toEqual(['track_file vip_pulse']);
    expect(text.match(/^ {8}vip_pulse$/gm)).toHaveLength(3);
  });

  it('lists all addresses for the supervisor, and counts all for announcements', () => {
    expect(text.match(/^#! address .*$/gm)).toEqual([
      '#! address eth0 192.0.2.100/24 vip',
      '#! address eth0 192.0.2.101/24 a-0',
      '#! address eth0 192.0.2.102/24 a-1',
    ]);
    expect(text).toContain(`vrrp_garp_master_repeat ${announcementsFor(3).repeats}\n`);
  });

  it('changes nothing but one block, and its line for the supervisor, when one of its addresses changes', () => {
    const changed = renderAll([instance, { ...second, addresses: [address('192.0.2.111')] }, third], options).split(
      '\n',
    );
    const before = text.split('\n');
    const lines = before.filter((line, index) => line !== changed[index]).map((line) => line.trim());
    expect(changed).toHaveLength(before.length);
    expect(lines).toEqual(['#! address eth0 192.0.2.101/24 a-0', '192.0.2.101/24 dev eth0']);
  });

  it('checks the senders of unicast as soon as one instance has peers', () => {
    const unicast = { sourceAddress: '192.0.2.11', peers: ['192.0.2.12'] };
    expect(renderAll([instance, { ...second, unicast }], options)).toContain('vrrp_check_unicast_src');
  });

  it('keeps keepalived’s process for VRRP when there are none, and tracks nothing', () => {
    const idle = renderAll([], options);
    expect(idle).toContain('static_ipaddress {\n}\n');
    expect(idle).not.toMatch(/track_file|vrrp_instance|#! address/);
    expect(idle).toMatch(/^#! pulse vip\.pulse -240 /);
  });
});

describe('announcements', () => {
  it('are repeated five times, 20 ms apart, of one address', () => {
    expect(announcementsFor(1)).toEqual({ repeats: 5, intervalSeconds: 0.02 });
  });

  it('of six addresses are so close that two that move together need no 10 ms', () => {
    const { repeats, intervalSeconds } = announcementsFor(6);
    expect(repeats).toBe(5);
    expect(2 * intervalSeconds).toBeLessThan(0.01);
  });

  it('pass over all addresses within 20 ms, up to 200 of them', () => {
    for (const count of [2, 3, 10, 50, 200]) {
      expect(announcementsFor(count).intervalSeconds * count).toBeLessThanOrEqual(0.02);
    }
  });

  it('of many are repeated less, and never less than 0.1 ms apart', () => {
    expect(announcementsFor(50).repeats).toBe(2);
    expect(announcementsFor(1000)).toEqual({ repeats: 1, intervalSeconds: 0.0001 });
  });

  it('of one family do not wait for those of the other', () => {
    const addresses = [address('192.0.2.100'), address('192.0.2.101'), address('2001:db8::100', 6)];
    const text = renderAll([{ ...instance, addresses }], options);
    expect(text).toContain('vrrp_garp_interval 0.01\n');
    expect(text).toContain('vrrp_gna_interval 0.02\n');
  });

  it('has one that only objects say so as the address’ owner, with no address and nothing to track', () => {
    const objecting = { ...instance, name: 'vip_objection', addresses: [], objects: 6 as const };
    const text = renderAll([objecting], options);
    expect(blockOf(text, 'vrrp_instance vip_objection')).toEqual([
      'state MASTER',
      'interface eth0',
      'virtual_router_id 10',
      'priority 255',
      'advert_int 0.1',
      'native_ipv6',
      'no_virtual_ipaddress',
    ]);
    expect(text).not.toMatch(/track_file|#! address/);
  });
});
