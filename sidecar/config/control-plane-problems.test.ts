import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../testing/settings.ts';
import { checkSettings } from './settings.ts';

const INSTANCE = { virtualIPs: ['192.168.11.3/24'] };
const OTHER = { virtualIPs: ['192.168.12.3/24'] };
const UNICAST = { ...INSTANCE, unicastPeers: ['192.168.11.12'], unicastSourceIP: '192.168.11.11' };

interface Given {
  /** Keys of the section beside `keepalived`. */
  readonly section?: object;
  readonly keepalived?: object;
  readonly vrrp?: object;
  readonly rest?: object;
}

/** What is said of settings with a section that is right but for these. */
function problemsOf({ section = {}, keepalived = {}, vrrp = {}, rest = {} }: Given): string[] {
  const settings = defaultSettings();
  const checked = checkSettings({
    ...settings,
    vrrp: { ...settings.vrrp, addresses: [], ...vrrp },
    controlPlaneLoadBalancing: {
      enabled: true,
      type: 'Keepalived',
      keepalived: { vrrpInstances: [INSTANCE], ...keepalived },
      ...section,
    },
    ...rest,
  });
  return checked.ok ? [] : checked.problems.map(({ path, message }) => `${path}: ${message}`);
}

/** Settings with one instance that is right but for these. */
function instance(changes: object): Given {
  return { keepalived: { vrrpInstances: [{ ...INSTANCE, ...changes }] } };
}

const AT = 'controlPlaneLoadBalancing.keepalived.vrrpInstances';
const KEEPALIVED = 'controlPlaneLoadBalancing.keepalived';
const VERSION_2 = { version: 2, advertIntervalSeconds: 1 };

describe('the section controlPlaneLoadBalancing', () => {
  it.each<[string, Given]>([
    ['of five lines', {}],
    ['with an address of each family', instance({ virtualIPs: ['192.168.11.3/24', 'fd00::3/64'] })],
    ['with what is empty', { keepalived: { virtualServers: [], configTemplateVRRP: '', configTemplateVS: '' } }],
    ['with unicast', instance(UNICAST)],
    ['with unicast by IPv6', instance({ unicastPeers: ['fd00::12'], unicastSourceIP: 'fd00::11' })],
    [
      'with the least and the most of everything',
      instance({ virtualRouterID: 255, advertIntervalSeconds: 40, addressLabel: 4294967294 }),
    ],
    ['with a password', instance({ authPassFile: '/auth/api_1' })],
    ['of version 2', { ...instance({ authPassFile: '/auth/api_1', advertIntervalSeconds: 255 }), vrrp: VERSION_2 }],
    [
      'with the same router id on two interfaces',
      {
        keepalived: {
          vrrpInstances: [
            { ...INSTANCE, interface: 'eth0', virtualRouterID: 9 },
            { ...OTHER, interface: 'eth1', virtualRouterID: 9 },
          ],
        },
      },
    ],
    ['beside an address of the node’s own', { vrrp: { addresses: ['192.168.11.4'] } }],
    [
      'with API servers that are listed',
      { section: { backends: { source: 'List', addresses: ['192.168.11.11', 'fd00::12'] } } },
    ],
    [
      'with further ports',
      { section: { extraPorts: [{ port: 9345 }, { port: 443, targetPort: 6443, check: 'kubernetes' }] } },
    ],
    [
      'with another port behind an address by NAT',
      {
        keepalived: { virtualServers: [{ ipAddress: '192.168.11.3', lbKind: 'NAT' }] },
        section: {
          extraPorts: [{ port: 443, targetPort: 8443 }],
          ipvs: { fallback: true, syncId: 0, serverPort: 6444 },
        },
      },
    ],
    [
      'with ports that nothing listens on',
      { keepalived: { vrrpInstances: [INSTANCE], disableLoadBalancer: true, userSpaceProxyBindPort: 6443 } },
    ],
  ])('is right %s', (_, given) => {
    expect(problemsOf(given)).toEqual([]);
  });

  it('is not looked at for what goes together while it is off', () => {
    expect(problemsOf({ section: { enabled: false, keepalived: {} }, vrrp: { addresses: ['192.168.11.4'] } })).toEqual(
      [],
    );
  });

  it('is an address, where there is no other', () => {
    expect(problemsOf({ section: { enabled: false } })).toEqual([
      'vrrp.addresses: has no address; give at least one, for example 192.168.11.2/24',
    ]);
  });

  it.each<[string, Given, string]>([
    [
      'a type',
      { section: { type: 'HAProxy' } },
      'controlPlaneLoadBalancing.type: is no type of load balancer; the only one is Keepalived',
    ],
    [
      'no instance',
      { keepalived: { vrrpInstances: [] } },
      `${AT}: is empty; give at least one instance, with virtualIPs`,
    ],
    [
      'no address',
      instance({ virtualIPs: [] }),
      `${AT}[0].virtualIPs: has no address; give at least one, for example 192.168.11.3/24`,
    ],
    ['addresses that are missing', instance({ virtualIPs: undefined }), `${AT}[0].virtualIPs: is missing`],
    [
      'an address without a prefix',
      instance({ virtualIPs: ['192.168.11.3'] }),
      `${AT}[0].virtualIPs[0]: 192.168.11.3 has no prefix; write it with that of its network, for example 192.168.11.3/24`,
    ],
    [
      'an IPv6 address without a prefix',
      instance({ virtualIPs: ['fd00::3'] }),
      `${AT}[0].virtualIPs[0]: fd00::3 has no prefix; write it with that of its network, for example fd00::3/64`,
    ],
    [
      'an address twice',
      { keepalived: { vrrpInstances: [INSTANCE, { virtualIPs: ['192.168.11.3/16'] }] } },
      `${AT}[1].virtualIPs[0]: 192.168.11.3/16 is already given as ${AT}[0].virtualIPs[0]; remove one`,
    ],
    [
      'an address of the settings',
      { vrrp: { addresses: ['192.168.11.3'] } },
      `${AT}[0].virtualIPs[0]: 192.168.11.3/24 is already given as vrrp.addresses[0]; remove one`,
    ],
    [
      'IPv6 by version 2',
      { ...instance({ virtualIPs: ['fd00::3/64'], authPassFile: '/a' }), vrrp: VERSION_2 },
      `${AT}[0].virtualIPs[0]: fd00::3/64 is IPv6, which needs version 3 of VRRP`,
    ],
    [
      'an automatic id beyond the last',
      { keepalived: { vrrpInstances: Array.from({ length: 206 }, (_, at) => ({ virtualIPs: [`10.0.${at}.1/8`] })) } },
      `${AT}[205].virtualRouterID: is missing, and the automatic ids end with 255 for the 205th instance; give the id`,
    ],
    [
      'an id twice',
      { keepalived: { vrrpInstances: [INSTANCE, { ...OTHER, virtualRouterID: 51 }] } },
      `${AT}[1].virtualRouterID: 51 is also ${AT}[0].virtualRouterID on the same interface; give each instance an id of its own`,
    ],
    [
      'the id of the settings',
      { vrrp: { addresses: ['192.168.11.4'], virtualRouterId: 51 } },
      `${AT}[0].virtualRouterID: 51 is also vrrp.virtualRouterId on the same interface; give each instance an id of its own`,
    ],
    [
      'an interval that version 3 cannot say',
      instance({ advertIntervalSeconds: 41 }),
      `${AT}[0].advertIntervalSeconds: 41 is above 40, the largest whole number of seconds that VRRP version 3 can say`,
    ],
    [
      'a password',
      instance({ authPass: 'secret' }),
      `${AT}[0].authPass: is a password, and this file is no place for one; put it into a file, and give that as authPassFile`,
    ],
    [
      'no password with version 2',
      { vrrp: VERSION_2 },
      `${AT}[0].authPassFile: is missing; version 2 of VRRP has a password: give the file with it, or use version 3`,
    ],
    [
      'peers without a source',
      instance({ unicastPeers: ['192.168.11.12'] }),
      `${AT}[0].unicastSourceIP: is missing, while there are unicastPeers; give the address of one of the nodes, which is then left out of the peers`,
    ],
    [
      'a source without peers',
      instance({ unicastSourceIP: '192.168.11.11' }),
      `${AT}[0].unicastSourceIP: is given without unicastPeers; add the addresses of the other nodes there, or remove it`,
    ],
    [
      'the source among the peers',
      instance({ ...UNICAST, unicastPeers: ['192.168.11.12', '192.168.11.11'] }),
      `${AT}[0].unicastPeers[1]: 192.168.11.11 is also unicastSourceIP; remove it from the peers`,
    ],
    [
      'a peer twice',
      instance({ ...UNICAST, unicastPeers: ['192.168.11.12', '192.168.11.12'] }),
      `${AT}[0].unicastPeers[1]: 192.168.11.12 is already given as ${AT}[0].unicastPeers[0]; remove one`,
    ],
    [
      'a virtual peer',
      instance({ ...UNICAST, unicastPeers: ['192.168.11.3'] }),
      `${AT}[0].unicastPeers[0]: 192.168.11.3 is the virtual address of ${AT}[0].virtualIPs[0]; give the nodes' own addresses`,
    ],
    [
      'a virtual source',
      instance({ ...UNICAST, unicastSourceIP: '192.168.11.3' }),
      `${AT}[0].unicastSourceIP: 192.168.11.3 is the virtual address of ${AT}[0].virtualIPs[0]; give the nodes' own addresses`,
    ],
    [
      'a source of another family',
      instance({ ...UNICAST, unicastSourceIP: 'fd00::11' }),
      `${AT}[0].unicastPeers: has, with unicastSourceIP, IPv4 and IPv6 addresses; nodes talk by one family: give all in the same`,
    ],
    [
      'a virtual server that no instance has the address of',
      { keepalived: { virtualServers: [{ ipAddress: '192.168.11.99' }] } },
      `${KEEPALIVED}.virtualServers[0].ipAddress: 192.168.11.99 is none of the virtualIPs of vrrpInstances, so no node has it; give one of them`,
    ],
    [
      'two virtual servers of one address',
      { keepalived: { virtualServers: [{ ipAddress: '192.168.11.3' }, { ipAddress: '192.168.11.3' }] } },
      `${KEEPALIVED}.virtualServers[1].ipAddress: 192.168.11.3 is already given as ${KEEPALIVED}.virtualServers[0].ipAddress; remove one`,
    ],
    [
      'a virtual server without the proxy',
      { keepalived: { virtualServers: [{ ipAddress: '192.168.11.3' }], disableLoadBalancer: true } },
      `${KEEPALIVED}.disableLoadBalancer: is true beside virtualServers, which need the proxy for what the nodes themselves ask; leave out one of them`,
    ],
    [
      'a port of prepared nodes that the proxy has',
      {
        keepalived: { virtualServers: [{ ipAddress: '192.168.11.3' }] },
        section: { ipvs: { serverPort: 6444 } },
      },
      `controlPlaneLoadBalancing.ipvs.serverPort: 6444 is also ${KEEPALIVED}.userSpaceProxyBindPort; give another`,
    ],
    [
      'a port that only NAT could change',
      {
        keepalived: { virtualServers: [{ ipAddress: '192.168.11.3', lbKind: 'TUN' }] },
        section: { extraPorts: [{ port: 443, targetPort: 8443 }] },
      },
      'controlPlaneLoadBalancing.extraPorts[0].targetPort: 8443 is not port, 443, and IPVS by TUN leaves ports as they are; remove it, or use lbKind NAT for 192.168.11.3',
    ],
    [
      'a template for VRRP',
      { keepalived: { configTemplateVRRP: '/etc/k0s/vrrp.tmpl' } },
      `${KEEPALIVED}.configTemplateVRRP: is a Go template of k0s, and the configuration here is not made from one; remove it, and use the fields of vrrpInstances and the values below keepalived`,
    ],
    [
      'a template for IPVS',
      { keepalived: { configTemplateVS: '/etc/k0s/vs.tmpl' } },
      `${KEEPALIVED}.configTemplateVS: is a Go template of k0s, and the configuration here is not made from one; remove it, and use the fields of vrrpInstances and the values below keepalived`,
    ],
    [
      'pools beside it',
      { rest: { pools: { enabled: true } } },
      'controlPlaneLoadBalancing.enabled: is true on a node that takes part in pools; let a release of its own do it',
    ],
    [
      'an empty list of API servers',
      { section: { backends: { source: 'List' } } },
      'controlPlaneLoadBalancing.backends.addresses: is empty, while source is List; list the API servers, or use EndpointSlices',
    ],
    [
      'an API server twice',
      { section: { backends: { addresses: ['192.168.11.11', '192.168.11.11'] } } },
      'controlPlaneLoadBalancing.backends.addresses[1]: 192.168.11.11 is already given as controlPlaneLoadBalancing.backends.addresses[0]; remove one',
    ],
    [
      'a virtual API server',
      { section: { backends: { addresses: ['192.168.11.3'] } } },
      `controlPlaneLoadBalancing.backends.addresses[0]: 192.168.11.3 is the virtual address of ${AT}[0].virtualIPs[0]; give the nodes' own addresses`,
    ],
    [
      'a port twice',
      { section: { extraPorts: [{ port: 6443 }] } },
      'controlPlaneLoadBalancing.extraPorts[0].port: 6443 is already controlPlaneLoadBalancing.backends.port; remove one',
    ],
    [
      'a privileged port of the proxy',
      { keepalived: { userSpaceProxyBindPort: 443 } },
      `${KEEPALIVED}.userSpaceProxyBindPort: 443 is none of 1024 to 65535, where the proxy, which has no privileges, can listen; give another`,
    ],
    [
      'the API server’s port',
      { keepalived: { userSpaceProxyBindPort: 6443 } },
      `${KEEPALIVED}.userSpaceProxyBindPort: 6443 is where what controlPlaneLoadBalancing.backends.port is about listens; give another`,
    ],
    [
      'a port that is the next one’s, too',
      { section: { healthPort: 6445, extraPorts: [{ port: 9345 }] } },
      'controlPlaneLoadBalancing.healthPort: 6445 is also controlPlaneLoadBalancing.extraPorts[0].bindPort; give another',
    ],
    [
      'the port of something else',
      { section: { extraPorts: [{ port: 9345, bindPort: 9345 }] } },
      'controlPlaneLoadBalancing.extraPorts[0].bindPort: 9345 is where what controlPlaneLoadBalancing.extraPorts[0] is about listens; give another',
    ],
    [
      'the sidecar’s own port',
      { section: { healthPort: 10270 } },
      'controlPlaneLoadBalancing.healthPort: 10270 is also server.port; give another',
    ],
    [
      'the port of the metrics',
      { section: { healthPort: 10271 } },
      'controlPlaneLoadBalancing.healthPort: 10271 is also metrics.port; give another',
    ],
  ])('is refused with %s, by the field and with the repair', (_, given, problem) => {
    expect(problemsOf(given)).toContain(problem);
  });

  it.each<[string, Given, RegExp]>([
    [
      'an address that is none',
      instance({ virtualIPs: ['192.168.11.300/24'] }),
      /^controlPlane.*virtualIPs\[0\]: "192\.168\.11\.300\/24" is not an IPv4 or IPv6 address/,
    ],
    [
      'the address of a network',
      instance({ virtualIPs: ['192.168.11.0/24'] }),
      /virtualIPs\[0\]: .*is the network, broadcast or routers' address/,
    ],
    ['an id of 0', instance({ virtualRouterID: 0 }), /\[0\]\.virtualRouterID: Too small: expected number to be >=1/],
    [
      'an id of 256',
      instance({ virtualRouterID: 256 }),
      /\[0\]\.virtualRouterID: Too big: expected number to be <=255/,
    ],
    [
      'an interval below a second',
      instance({ advertIntervalSeconds: 0 }),
      /\[0\]\.advertIntervalSeconds: Too small: expected number to be >=1/,
    ],
    [
      'an interval with a fraction',
      instance({ advertIntervalSeconds: 1.5 }),
      /\[0\]\.advertIntervalSeconds: Invalid input: expected int/,
    ],
    [
      'a peer that is no address',
      instance({ ...UNICAST, unicastPeers: ['node-2'] }),
      /\[0\]\.unicastPeers\[0\]: "node-2" is not an IPv4 or IPv6 address/,
    ],
    [
      'a source that is no address',
      instance({ ...UNICAST, unicastSourceIP: 'node-1' }),
      /\[0\]\.unicastSourceIP: "node-1" is not an IPv4 or IPv6 address/,
    ],
    ['an interface that is none', instance({ interface: 'eth0:1' }), /\[0\]\.interface: "eth0:1" is no interface/],
    ['a label of 0', instance({ addressLabel: 0 }), /\[0\]\.addressLabel: Too small/],
    [
      'a label above the last',
      instance({ addressLabel: 4294967295 }),
      /\[0\]\.addressLabel: Too big: expected number to be <=4294967294/,
    ],
    ['a key that is not known', instance({ virtualIps: [] }), /\[0\]\.virtualIps: is not a known key/],
    [
      '256 instances',
      {
        keepalived: {
          vrrpInstances: Array.from({ length: 256 }, (_, at) => ({
            virtualIPs: [`10.0.${at}.1/8`],
            virtualRouterID: 1 + (at % 255),
            interface: `eth${Math.floor(at / 255)}`,
          })),
        },
      },
      /vrrpInstances: Too big: expected array to have <=255 items/,
    ],
    ['a port of 0', { keepalived: { userSpaceProxyBindPort: 0 } }, /userSpaceProxyBindPort: Too small/],
    [
      'a source of API servers',
      { section: { backends: { source: 'DNS' } } },
      /backends\.source: Invalid option: expected one of "EndpointSlices"\|"List"/,
    ],
    [
      'a check',
      { section: { extraPorts: [{ port: 9345, check: 'http' }] } },
      /extraPorts\[0\]\.check: Invalid option: expected one of "tcp"\|"kubernetes"/,
    ],
    ['a time-out of 0', { section: { health: { timeoutSeconds: 0 } } }, /health\.timeoutSeconds: Too small/],
  ])('is refused with %s', (_, given, problem) => {
    expect(problemsOf(given)).toContainEqual(expect.stringMatching(problem));
  });

  it.each<[string, object, RegExp]>([
    ['no address', {}, /virtualServers\[0\]\.ipAddress: is missing/],
    ['an address that is none', { ipAddress: 'INVALID' }, /\[0\]\.ipAddress: "INVALID" is not an IPv4 or IPv6 address/],
    [
      'a prefix',
      { ipAddress: '192.168.11.3/24' },
      /\[0\]\.ipAddress: 192\.168\.11\.3\/24 has a prefix; write the address alone, as in 192\.168\.11\.3/,
    ],
    ['another scheduler', { lbAlgo: 'invalid' }, /\[0\]\.lbAlgo: Invalid option: expected one of "rr"\|"wrr"\|"lc"/],
    ['another kind', { lbKind: 'invalid' }, /\[0\]\.lbKind: Invalid option: expected one of "NAT"\|"DR"\|"TUN"/],
    [
      'a delay of nothing',
      { delayLoop: '0s' },
      /\[0\]\.delayLoop: "0s" is no duration of a microsecond or more; write it like 500ms, 10s or 1m/,
    ],
    ['a delay below nothing', { delayLoop: '-1s' }, /\[0\]\.delayLoop: "-1s" is no duration/],
    ['a delay without a unit', { delayLoop: '10' }, /\[0\]\.delayLoop: "10" is no duration/],
    ['a delay that is cut to nothing', { delayLoop: '999ns' }, /\[0\]\.delayLoop: "999ns" is no duration/],
    ['a persistence below nothing', { persistenceTimeoutSeconds: -1 }, /\[0\]\.persistenceTimeoutSeconds: Too small/],
    [
      'a persistence of more than 31 days',
      { persistenceTimeoutSeconds: 2_678_401 },
      /\[0\]\.persistenceTimeoutSeconds: Too big/,
    ],
  ])('is refused with a virtual server of %s', (name, changes, problem) => {
    const server = name === 'no address' ? changes : { ipAddress: '192.168.11.3', ...changes };
    expect(problemsOf({ keepalived: { virtualServers: [server] } })).toContainEqual(expect.stringMatching(problem));
  });

  it.each(['1m', '1m30s', '0.5s', '1234567ns', '1us', '500ms', '24h'])(
    'is right with a virtual server that is looked at every %s',
    (delayLoop) => {
      const server = {
        ipAddress: '192.168.11.3',
        delayLoop,
        lbAlgo: 'sed',
        lbKind: 'TUN',
        persistenceTimeoutSeconds: 0,
      };
      expect(problemsOf({ keepalived: { virtualServers: [server] } })).toEqual([]);
    },
  );

  it('is what the node’s own checks must not ask at', () => {
    const { checks } = defaultSettings();
    const kubelet = { ...checks.kubelet, url: 'http://192.168.11.3:10248/healthz' };
    expect(problemsOf({ rest: { checks: { ...checks, kubelet } } })).toEqual([
      expect.stringMatching(/^checks\.kubelet\.url: 192\.168\.11\.3 is a virtual address/),
    ]);
  });
});
