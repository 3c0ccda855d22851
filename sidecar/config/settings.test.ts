import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { changed } from '../../common/testing/changed.ts';
import { defaultSettings } from '../testing/settings.ts';
import { parseSettings, SettingsError } from './load.ts';
import { checkSettings } from './settings.ts';

function settingsWith(path: string, value: unknown): unknown {
  return changed(structuredClone(defaultSettings()), path, value);
}

function messages(document: unknown): string[] {
  const result = checkSettings(document);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

describe('settings', () => {
  it('accepts what the chart renders at its defaults', () => {
    expect(messages(defaultSettings())).toEqual([]);
  });

  it.each([
    ['vrrp.addresses', ['192.0.2.100', '2001:db8::100/64']],
    ['vrrp.interface', '52:54:00:12:34:56'],
    ['vrrp.interface', 'enp0s31f6.100'],
    ['vrrp.interface', 'br-lan_0+1'],
    // Subnets of one or two addresses have no address of their own (RFC 3021, RFC 6164).
    ['vrrp.addresses', ['192.0.2.0/31', '192.0.2.1/31', '192.0.2.2/32', '2001:db8::/127', '2001:db8::2/128']],
    ['vrrp.addresses', ['192.0.2.0', '192.0.2.255', '10.1.0.255/15', '2001:db8::8/64', '2001:db8:0:8000::/48']],
    // IPv6 has no broadcast.
    ['vrrp.addresses', ['2001:db8::ffff:ffff:ffff:ffff/64']],
    ['checks.service.url', 'http://192.0.2.101/'],
    ['checks.service.url', 'http://ingress.example.org/'],
    ['checks.service.host', 'ingress.example.org:8443'],
    ['vrrp.advertIntervalSeconds', 0.02],
    ['checks.service.url', 'tcp://127.0.0.1:80'],
    ['checks.service.url', 'https://[::1]:6443/healthz'],
    ['checks.service.intervalSeconds', 0.25],
    ['checks.kubeApi.url', 'https://192.0.2.5:6443/livez'],
    ['vrrp.failbackDelaySeconds', 0],
  ])('accepts %s: %j', (path, value) => {
    expect(messages(settingsWith(path, value))).toEqual([]);
  });

  it.each([
    ['vrrp.version', 4, /vrrp\.version: Invalid input/],
    ['vrrp.virtualRouterId', 0, /vrrp\.virtualRouterId: Too small: expected number to be >=1/],
    ['vrrp.virtualRouterId', 256, /vrrp\.virtualRouterId: Too big: expected number to be <=255/],
    ['vrrp.virtualRouterId', '10', /vrrp\.virtualRouterId: Invalid input: expected number, received string/],
    ['vrrp.virtualRouterId', undefined, /^vrrp\.virtualRouterId: is missing$/],
    ['vrrp.advertIntervalSeconds', 0.001, /vrrp\.advertIntervalSeconds: Too small/],
    ['vrrp.advertIntervalSeconds', 41, /vrrp\.advertIntervalSeconds: is above 40\.95/],
    ['vrrp.addresses', [], /vrrp\.addresses: has no address; give at least one, for example 192\.168\.11\.2\/24/],
    ['vrrp.addresses', ['192.0.2.300'], /vrrp\.addresses\[0\]: "192\.0\.2\.300" is not an IPv4 or IPv6 address/],
    ['vrrp.addresses', ['192.0.2.3/33'], /vrrp\.addresses\[0\]: "192\.0\.2\.3\/33" is not an IPv4 or IPv6 address/],
    [
      'vrrp.addresses',
      ['192.0.2.3', '192.0.2.3/24'],
      /vrrp\.addresses\[1\]: 192\.0\.2\.3 is already given as entry 0; remove one/,
    ],
    ['vrrp.interface', 'an interface', /vrrp\.interface: "an interface" is no interface/],
    ...[
      'eth0:1',
      'eth0@if5',
      'lo',
      'averylonginterface',
      'eth"0',
      'eth{0',
      'eth0\n',
      '00:00:00:00:00:00',
      '-v',
      '..',
    ].map((name): [string, unknown, RegExp] => [
      'vrrp.addressInterface',
      name,
      /^vrrp\.addressInterface: ".*" is no interface/,
    ]),
    ...[
      ['127.0.0.1', 'is a loopback, link-local'],
      ['169.254.1.1/16', 'is a loopback, link-local'],
      ['fe80::1', 'is a loopback, link-local'],
      ['ff02::12', 'is a loopback, link-local'],
      ['0.0.0.0', 'is a loopback, link-local'],
      ['240.0.0.1', 'is a loopback, link-local'],
      ['::1', 'is a loopback, link-local'],
      ['::2', 'is a loopback, link-local'],
      ['::ffff:1.2.3.4', 'is an IPv4 address in the notation of IPv6'],
      ['::FFFF:102:304/120', 'is an IPv4 address in the notation of IPv6'],
      ['0:0:0:0:0:ffff::', 'is an IPv4 address in the notation of IPv6'],
      ['fe80::1%eth0', 'is not an IPv4 or IPv6 address'],
      ['192.168.01.2', 'is not an IPv4 or IPv6 address'],
      ['192.0.2.1/024', 'is not an IPv4 or IPv6 address'],
      ['192.0.2.1/0', 'is not an IPv4 or IPv6 address'],
      ['192.0.2.0/24', 'is the network, broadcast'],
      ['192.0.2.255/24', 'is the network, broadcast'],
      ['192.0.2.127/25', 'is the network, broadcast'],
      ['10.1.255.255/15', 'is the network, broadcast'],
      ['192.0.2.7/30', 'is the network, broadcast'],
      ['2001:db8::/64', 'is the network, broadcast'],
      ['2001:db8:0:8000::/49', 'is the network, broadcast'],
      ['2001:db8::1:4/126', 'is the network, broadcast'],
    ].map(([address = '', message = '']): [string, unknown, RegExp] => [
      'vrrp.addresses',
      ['192.0.2.3', address],
      new RegExp(`^vrrp\\.addresses\\[1\\]: ".*" ${message}`),
    ]),
    [
      'vrrp.addresses',
      ['2001:db8::3', '2001:DB8:0::3/64'],
      /vrrp\.addresses\[1\]: 2001:db8::3 is already given as entry 0; remove one/,
    ],
    ...['127.0.0.1', 'fe80::1', '192.0.2.7/24', 'fe80::1%eth0', '::ffff:192.0.2.7', '224.0.0.18'].map(
      (peer): [string, unknown, RegExp] => ['vrrp.unicastPeers', [peer], /^vrrp\.unicastPeers\[0\]: ".*" is /],
    ),
    [
      'vrrp.unicastPeers',
      ['192.0.2.7', '192.0.2.100'],
      /vrrp\.unicastPeers\[1\]: 192\.0\.2\.100 is one of vrrp\.addresses; peers are the nodes' own addresses/,
    ],
    ...[
      'http://192.0.2.100:10254/healthz',
      'https://192.0.2.100/',
      'tcp://192.0.2.100:80',
      'http://0xc0000264/',
      'http://192.0.612/',
      'tcp://192.0.612:80',
      'http://[::ffff:192.0.2.100]/',
    ].map((url): [string, unknown, RegExp] => [
      'checks.service.url',
      url,
      /^checks\.service\.url: 192\.0\.2\.100 is a virtual address, at which every node reaches the one that holds it.* at 127\.0\.0\.1/,
    ]),
    [
      'checks.kubelet.url',
      'http://192.0.2.100:10248/healthz',
      /^checks\.kubelet\.url: 192\.0\.2\.100 is a virtual address/,
    ],
    [
      'checks.service.host',
      'a\r\nCookie: b',
      /^checks\.service\.host: "a\\r\\nCookie: b" is no value of a Host header/,
    ],
    ['vrrp.unicastPeers', ['node2'], /vrrp\.unicastPeers\[0\]: "node2" is not an IPv4 or IPv6 address/],
    ['vrrp.failbackDelaySeconds', -1, /vrrp\.failbackDelaySeconds: Too small/],
    [
      'vrrp.authPasswordFile',
      '/x',
      /vrrp\.authPasswordFile: is given, but VRRP version 3 has no password; remove it or use version 2/,
    ],
    [
      'checks.service.url',
      'ftp://x',
      /checks\.service\.url: "ftp:\/\/x" is not a URL that begins with http:\/\/, https:\/\/, tcp:\/\//,
    ],
    ['checks.service.url', 'tcp://127.0.0.1', /checks\.service\.url: "tcp:\/\/127\.0\.0\.1" has no port/],
    [
      'checks.service.url',
      'http://a:b@127.0.0.1/',
      /checks\.service\.url: has credentials in it; probes send none, remove them/,
    ],
    ['checks.service.intervalSeconds', 0, /checks\.service\.intervalSeconds: Too small/],
    ['checks.service.timeoutSeconds', 0, /checks\.service\.timeoutSeconds: Too small/],
    ['checks.service.failureThreshold', 0, /checks\.service\.failureThreshold: Too small/],
    ['checks.service.successThreshold', 1.5, /checks\.service\.successThreshold: Invalid input: expected int/],
    ['checks.service.expectedStatuses', [], /checks\.service\.expectedStatuses: has no status; give at least one/],
    ['checks.service.expectedStatuses', [42], /checks\.service\.expectedStatuses\[0\]: Too small/],
    ['checks.service.tripwire.ports', [0], /checks\.service\.tripwire\.ports\[0\]: Too small/],
    [
      'checks.kubeApi.url',
      'http://192.0.2.5',
      /checks\.kubeApi\.url: "http:\/\/192\.0\.2\.5" is not a URL that begins with https/,
    ],
    ['lastResort.afterSeconds', -1, /lastResort\.afterSeconds: Too small/],
    ['drain.timeoutSeconds', 'soon', /drain\.timeoutSeconds: Invalid input: expected number, received string/],
    ['server.address', 'localhost', /server\.address: is not an IP address/],
    ['metrics.port', 10270, /metrics\.port: 10270 is also the server’s port; use another/],
    ['log.level', 'loud', /log\.level: Invalid option/],
  ])('refuses %s: %j', (path, value, message) => {
    expect(messages(settingsWith(path, value))).toEqual([expect.stringMatching(message)]);
  });

  it('refuses a whole-second interval and IPv6 with version 2 of VRRP, each by its name', () => {
    const document = structuredClone(defaultSettings());
    document.vrrp.version = 2;
    document.vrrp.addresses.push('2001:db8::1');
    expect(messages(document)).toEqual([
      expect.stringMatching(
        /^vrrp\.advertIntervalSeconds: 0\.1 is not a whole number; VRRP version 2 counts in seconds/,
      ),
      expect.stringMatching(/^vrrp\.addresses\[1\]: 2001:db8::1 is IPv6, which needs version 3 of VRRP/),
    ]);
  });

  it('needs no address where pools bring them', () => {
    const document = { ...defaultSettings(), pools: { enabled: true } };
    document.vrrp.addresses = [];
    expect(messages(document)).toEqual([]);
  });

  it('takes part in no pool where an older chart does not say so, and knows no other key of them', () => {
    const { pools, ...old } = defaultSettings();
    const result = checkSettings(old);
    expect(result.ok && result.settings.pools).toEqual(pools);
    expect(messages({ ...old, pools: { enabled: true, colour: 'red' } })).toEqual([
      'pools.colour: is not a known key; correct its spelling or remove it',
    ]);
  });

  it('refuses failback together with noPreempt', () => {
    const document = structuredClone(defaultSettings());
    document.vrrp.noPreempt = true;
    document.vrrp.failbackDelaySeconds = 30;
    expect(messages(document)).toEqual([
      'vrrp.failbackDelaySeconds: asks for failback while noPreempt forbids it; remove one of the two',
    ]);
  });

  it.each([
    '',
    'vrrp.',
    'checks.',
    'checks.service.',
    'checks.service.tripwire.',
    'checks.kubelet.',
    'checks.kubeApi.',
    'lastResort.',
  ])('refuses a key it does not know in "%s"', (prefix) => {
    expect(messages(settingsWith(`${prefix}colour`, 'red'))).toEqual([
      `${prefix}colour: is not a known key; correct its spelling or remove it`,
    ]);
  });

  it('names every problem of a file, not only the first', () => {
    const document = structuredClone(defaultSettings()) as unknown as Record<string, Record<string, unknown>>;
    document.vrrp = { ...document.vrrp, version: 7, virtualRouterId: 999 };
    document.log = { level: 'loud' };
    expect(messages(document)).toHaveLength(3);
  });
});

describe('a settings file', () => {
  it('has the version of its bytes', () => {
    const text = stringify(defaultSettings());
    expect(parseSettings(text).version).toMatch(/^[0-9a-f]{12}$/);
    expect(parseSettings(text).version).not.toBe(parseSettings(`${text}\n`).version);
  });

  it('that is not YAML is refused with the line', () => {
    expect(() => parseSettings('vrrp:\n  version: [3\n')).toThrow(SettingsError);
    expect(() => parseSettings('vrrp:\n  version: [3\n')).toThrow(/not YAML: .*line 3/s);
  });

  it('that is empty is refused', () => {
    expect(() => parseSettings('')).toThrow(/expected object/);
  });
});
