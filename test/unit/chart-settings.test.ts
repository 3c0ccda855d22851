import { globSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseSettings as parseControllerSettings } from '../../controller/config/load.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { controlPlaneOf } from '../../sidecar/config/control-plane.ts';
import { parseSettings } from '../../sidecar/config/load.ts';
import { type ChartValues, renderChart } from '../lab/chart.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const VALUES = globSync('chart/ci/*-values.yaml', { cwd: ROOT }).toSorted();
/** A cold machine builds helm first. */
const SET_UP_LIMIT_MS = 30 * 60_000;

let helm: string;

beforeAll(async () => {
  helm = await ensureTool('helm');
}, SET_UP_LIMIT_MS);

/** The settings files that the chart renders: the sidecar's, and with pools the controller's. */
async function settingsFiles(values: ChartValues): Promise<{ sidecar: string; controller: string | undefined }> {
  const rendered = await renderChart(helm, values);
  const objects = parseAllDocuments(rendered).flatMap((document) => document.toJS() ?? []);
  const fileOf = (component: string): string | undefined =>
    objects
      .filter(({ kind, metadata }) => {
        return kind === 'ConfigMap' && metadata.labels['app.kubernetes.io/component'] === component;
      })
      .map(({ data }) => data['config.yaml'])
      .find((text) => text !== undefined);
  return { sidecar: fileOf('node') ?? '', controller: fileOf('controller') };
}

/** The settings file as the chart renders it, taken by the sidecar's own loader. */
async function settingsOf(values: ChartValues) {
  return parseSettings((await settingsFiles(values)).sidecar).settings;
}

describe('the settings file that the chart renders', () => {
  it('is rendered for several modes', () => expect(VALUES.length).toBeGreaterThan(10));

  it.each(VALUES)('is one that the sidecar takes, with %s', async (file) => {
    const settings = await settingsOf({ files: [path.join(ROOT, file)], set: [] });
    const { instances } = controlPlaneOf(settings.controlPlaneLoadBalancing, settings.vrrp) ?? { instances: [] };
    expect(settings.vrrp.addresses.length > 0 || settings.pools.enabled || instances.length > 0).toBe(true);
  });

  it.each([
    ['keepalived.virtualRouterId=1'],
    ['keepalived.virtualRouterId=255'],
    ['keepalived.advertInterval=0.01'],
    ['keepalived.advertInterval=40.95'],
    ['keepalived.failbackDelay=0'],
    ['keepalived.failbackDelay=86400'],
    ['keepalived.failbackDelay='],
    ['keepalived.vrrpInterfaceName=52:54:00:ab:CD:ef'],
    ['keepalived.vrrpInterfaceName=enp0s31f6.100'],
    ['keepalived.checkServiceInterval=0.1'],
    ['keepalived.checkServiceTimeout=0.05'],
    ['keepalived.checkServiceFailAfter=1000'],
    ['keepalived.checkServiceUrl=http://[::1]:10254/healthz?verbose'],
    ['keepalived.checkServiceUrl=http://localhost'],
    ['keepalived.checkServiceUrl=tcp://127.0.0.1:65535'],
    ['keepalived.checkServiceHost=ingress.example.org:8443'],
    ['keepalived.tripwirePorts={1,65535}'],
    ['keepalived.lastResort.after=0'],
    ['keepalived.drainTimeout=600'],
    ['keepalived.vipAddresses={2001:DB8::a:b/64,1:2:3:4:5:6:7::,10.0.0.1/32}'],
    ['keepalived.unicastPeers={fd00::11,fd00::12}'],
  ])('is one that the sidecar takes at the edge of what the chart takes: %s', async (assignment) => {
    await expect(settingsOf({ files: [], set: [assignment] })).resolves.toBeDefined();
  });
});

describe("the control plane's section of the settings file", () => {
  const files = [path.join(ROOT, 'chart/ci/reference-k0s-values.yaml')];

  it.each([
    ['controlPlaneLoadBalancing.keepalived.userSpaceProxyBindPort=1024'],
    ['controlPlaneLoadBalancing.keepalived.userSpaceProxyBindPort=65535'],
    ['controlPlaneLoadBalancing.keepalived.vrrpInstances[0].virtualRouterID=255'],
    ['controlPlaneLoadBalancing.keepalived.vrrpInstances[0].advertIntervalSeconds=40'],
    ['controlPlaneLoadBalancing.keepalived.vrrpInstances[0].addressLabel=4294967294'],
    ['controlPlaneLoadBalancing.keepalived.vrrpInstances[0].interface=52:54:00:ab:CD:ef'],
    ['controlPlaneLoadBalancing.health.intervalSeconds=0.05'],
    ['controlPlaneLoadBalancing.health.fastIntervalSeconds=0.01'],
    ['controlPlaneLoadBalancing.health.timeoutSeconds=60'],
    ['controlPlaneLoadBalancing.health.failureThreshold=1000'],
    ['controlPlaneLoadBalancing.health.slowStartSeconds=0'],
    ['controlPlaneLoadBalancing.health.notReadyShutdownAfterSeconds=3600'],
    ['controlPlaneLoadBalancing.rebalance.maxPerSecond=10000'],
    ['controlPlaneLoadBalancing.rebalance.tolerance=0.01'],
    ['controlPlaneLoadBalancing.rebalance.tolerance=1'],
    ['controlPlaneLoadBalancing.extraPorts[0].port=65535'],
    ['controlPlaneLoadBalancing.backends.port=1'],
    ['controlPlaneLoadBalancing.backends.addresses={192.168.122.11,fd00::11}'],
  ])('is one that the sidecar takes at the edge of what the chart takes: %s', async (assignment) => {
    const set = [assignment];
    if (assignment.includes('vrrpInstances[0]')) {
      // An element that is set on the command line replaces the list of the file.
      set.push('controlPlaneLoadBalancing.keepalived.vrrpInstances[0].virtualIPs={192.168.122.200/24}');
      set.push('controlPlaneLoadBalancing.keepalived.vrrpInstances[0].authPass=Example');
    }
    await expect(settingsOf({ files, set })).resolves.toBeDefined();
  });

  it('is all that changes with addresses, API servers, further ports, health and rebalancing: no pod is replaced for them', async () => {
    const podOf = async (set: readonly string[]) => {
      const objects = parseAllDocuments(await renderChart(helm, { files, set })).map((document) => document.toJS());
      return objects.find((object) => object?.kind === 'DaemonSet')?.spec.template;
    };
    const instance = 'controlPlaneLoadBalancing.keepalived.vrrpInstances';
    const changed = [
      ...[0, 1].flatMap((at) => [`${instance}[${at}].virtualIPs={10.${at}.0.3/16}`, `${instance}[${at}].authPass=a`]),
      'controlPlaneLoadBalancing.backends.addresses={192.168.122.11}',
      'controlPlaneLoadBalancing.extraPorts[0].port=9345',
      'controlPlaneLoadBalancing.health.failureThreshold=3',
      'controlPlaneLoadBalancing.rebalance.enabled=false',
    ];
    const before = await podOf([]);
    expect(before).toBeDefined();
    expect(await podOf(changed)).toEqual(before);
    expect(await podOf(['controlPlaneLoadBalancing.keepalived.userSpaceProxyBindPort=7443'])).not.toEqual(before);
  });

  it('has the same defaults in the chart as in the sidecar, which an upgrade with the values of an older chart leaves open', async () => {
    const gone = ['backends', 'extraPorts', 'healthPort', 'health', 'rebalance', 'type'];
    const keepalived = [
      'virtualServers',
      'userSpaceProxyBindPort',
      'disableLoadBalancer',
      'configTemplateVRRP',
      'configTemplateVS',
    ];
    const paths = [...gone, ...keepalived.map((key) => `keepalived.${key}`)];
    const set = [...paths.map((name) => `controlPlaneLoadBalancing.${name}=null`), 'proxy=null'];
    expect(await settingsOf({ files, set })).toEqual(await settingsOf({ files, set: [] }));
  });
});

describe("the controller's settings file", () => {
  const pools = VALUES.filter((file) => /pools|services/.test(file));

  it('is rendered with and without a single address', () => expect(pools.length).toBeGreaterThan(1));

  it.each(pools)('is one that the controller takes, with %s', async (file) => {
    const { sidecar, controller } = await settingsFiles({ files: [path.join(ROOT, file)], set: [] });
    const settings = parseControllerSettings(controller ?? '');
    const { vrrp, rank } = parseSettings(sidecar).settings;
    expect(settings.agentSelector).toBe(rank.podSelector);
    expect(settings.reserved.addresses).toEqual(vrrp.addresses.map((address) => address.replace(/[/].*/, '')));
    expect(settings.reserved.virtualRouterIds).toEqual(vrrp.addresses.length > 0 ? [vrrp.virtualRouterId] : []);
  });

  it('is not rendered without pools', async () => {
    expect((await settingsFiles({ files: [], set: [] })).controller).toBeUndefined();
  });
});
