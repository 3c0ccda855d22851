import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { changed } from '../../common/testing/changed.ts';
import { settingsDocument } from '../testing/settings.ts';
import { loadSettings, parseSettings, SettingsError } from './load.ts';
import { checkSettings } from './settings.ts';

function settingsWith(path: string, value: unknown): unknown {
  return changed(settingsDocument(), path, value);
}

function messages(document: unknown): string[] {
  const result = checkSettings(document);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

describe('the settings', () => {
  it('are taken as the chart renders them', () => {
    expect(messages(settingsDocument())).toEqual([]);
  });

  it('may say that Services get addresses', () => {
    const services = { loadBalancerClass: 'keepalived-ingress-vip.io/vip', classless: true, aliases: false };
    expect(messages(settingsWith('services', services))).toEqual([]);
    expect(messages(settingsWith('services', { ...services, externalIPs: 'InPools' }))).toEqual([]);
  });

  it('may reserve nothing', () => {
    expect(messages(settingsWith('reserved', { addresses: [], virtualRouterIds: [] }))).toEqual([]);
  });

  it('renew for two thirds of the lease’s time where nothing else is said', () => {
    const result = checkSettings(settingsWith('lease.renewSeconds', undefined));
    expect(result.ok && result.settings.lease.renewSeconds).toBe(10);
  });

  it.each([
    ['release.name', undefined, 'release.name: is missing'],
    ['relase', {}, 'relase: is not a known key; correct its spelling or remove it'],
    ['lease.duration', 3, 'lease.duration: is not a known key; correct its spelling or remove it'],
    ['agentSelector', '', 'agentSelector: is empty; it must select'],
    [
      'virtualRouterIds',
      { first: 9, last: 3 },
      'virtualRouterIds.first: 9 is above virtualRouterIds.last, 3; swap them',
    ],
    ['virtualRouterIds.last', 256, 'virtualRouterIds.last: Too big'],
    [
      'reserved.addresses',
      ['192.0.2.2/24'],
      'reserved.addresses[0]: "192.0.2.2/24" is not an IPv4 or IPv6 address without',
    ],
    ['reserved.virtualRouterIds', [0], 'reserved.virtualRouterIds[0]: Too small'],
    ['maxGroupsPerPool', 0, 'maxGroupsPerPool: Too small'],
    ['lease.renewSeconds', 15, 'lease.renewSeconds: 15 is not below lease.durationSeconds, 15'],
    ['lease.retrySeconds', 6, 'lease.retrySeconds: 6 leaves no second try within lease.renewSeconds, 10'],
    ['lease.name', 'A_b', 'lease.name: is not a name of lower-case letters'],
    ['server.address', 'localhost', 'server.address: is not an IP address'],
    [
      'services',
      { loadBalancerClass: 'a b', classless: false, aliases: true },
      'services.loadBalancerClass: is not the name of a class',
    ],
    ['services', { loadBalancerClass: 'a/b', classless: false }, 'services.aliases: is missing'],
    [
      'services',
      { loadBalancerClass: 'a/b', classless: false, aliases: true, externalIPs: 'All' },
      'services.externalIPs: Invalid option',
    ],
    ['log.level', 'loud', 'log.level: Invalid option'],
  ])('with %s: %j are refused by one sentence', (path, value, message) => {
    const found = messages(settingsWith(path, value));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it('list every problem at once', () => {
    expect(messages({})).toHaveLength(8);
  });
});

describe('a settings file', () => {
  it('is read from YAML', () => {
    expect(parseSettings(stringify(settingsDocument())).lease.name).toBe('vip-controller');
  });

  it('that is not YAML is refused with the line', () => {
    expect(() => parseSettings('release: {name: [a\n')).toThrow(/not YAML: .*line 2/s);
  });

  it('that cannot be read is refused with the reason', async () => {
    await expect(loadSettings('/nowhere/config.yaml')).rejects.toThrow(SettingsError);
    await expect(loadSettings('/nowhere/config.yaml')).rejects.toThrow(/cannot be read: ENOENT/);
  });
});
