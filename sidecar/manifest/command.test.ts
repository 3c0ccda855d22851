import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseSettings } from '../config/load.ts';
import { ManifestError, printManifest } from './command.ts';

const CHART = join(import.meta.dirname, '../../chart');
const directory = mkdtempSync(join(tmpdir(), 'manifest-'));
let files = 0;

afterAll(() => rmSync(directory, { recursive: true }));

/** A file of values: k0s's section with nothing else, and what is changed. */
function valuesFile(changes: object = {}): string {
  files += 1;
  const file = join(directory, `values${files}.yaml`);
  const keepalived = { vrrpInstances: [{ virtualIPs: ['192.168.11.3/24'], authPass: 'secret' }] };
  writeFileSync(file, stringify({ controlPlaneLoadBalancing: { enabled: true, keepalived }, ...changes }));
  return file;
}

function print(file: string, ...more: string[]): Promise<string> {
  return printManifest(['--values', file, ...more], CHART);
}

interface PrintedContainer {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string }[];
}

interface PrintedPod {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly containers: readonly PrintedContainer[];
    readonly volumes: readonly Readonly<Record<string, unknown>>[];
  };
}

async function podOf(file: string, ...more: string[]): Promise<PrintedPod> {
  return parse(await print(file, ...more)) as PrintedPod;
}

describe('the static pod', () => {
  it('has the containers of the release, and nothing that an API server would have to give', async () => {
    const { apiVersion, kind, metadata, spec } = await podOf(valuesFile());
    expect([apiVersion, kind, metadata.name, metadata.namespace]).toEqual([
      'v1',
      'Pod',
      'api-keepalived-ingress-vip',
      'kube-system',
    ]);
    expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/instance': 'api' });
    const { containers } = spec;
    // At the same time: a kubelet looks once a second whether one has started.
    expect(containers.map(({ name }) => name)).toEqual(['sidecar', 'proxy', 'keepalived']);
    expect(spec.initContainers).toBeUndefined();
    // And ended at the same time: clients of the proxy go on to the address' next node first.
    expect(containers[1]).toMatchObject({ lifecycle: { preStop: { exec: { command: ['sleep', '3'] } } } });
    expect(containers.filter((container) => 'restartPolicy' in container)).toEqual([]);
    const kinds = spec.volumes.map((volume) => Object.keys(volume).find((key) => key !== 'name'));
    expect(new Set(kinds)).toEqual(new Set(['emptyDir', 'hostPath']));
    const volumes = spec.volumes.map(({ name }) => name);
    for (const { volumeMounts } of containers) for (const { name } of volumeMounts) expect(volumes).toContain(name);
    const forTheApi = ['serviceAccountName', 'automountServiceAccountToken', 'nodeSelector', 'affinity', 'tolerations'];
    expect(Object.keys(spec).filter((key) => forTheApi.includes(key))).toEqual([]);
    expect(spec).toMatchObject({
      hostNetwork: true,
      priorityClassName: 'system-cluster-critical',
      priority: 2_000_000_000,
    });
  });

  it('brings its settings along, and follows those of the release', async () => {
    const file = valuesFile();
    const { spec } = await podOf(file, '--release', 'front', '--namespace', 'vip');
    const sidecar = spec.containers.find(({ name }) => name === 'sidecar');
    const first = sidecar?.env?.find(({ name }) => name === 'FIRST_SETTINGS')?.value ?? '';
    expect(first).toBe(await print(file, '--release', 'front', '--namespace', 'vip', '--settings'));
    expect(parseSettings(first).settings.controlPlaneLoadBalancing?.enabled).toBe(true);
    expect(first).not.toContain('secret');
    expect(sidecar?.args).toEqual([
      ...['--config', '/var/lib/keepalived-ingress-vip-sidecar/config.yaml'],
      ...['--runtime-dir', '/run/keepalived-ingress-vip'],
      ...['--kubeconfig', '/var/lib/keepalived-ingress-vip-sidecar/kubeconfig'],
      ...['--release-settings', 'vip/front-keepalived-ingress-vip'],
    ]);
  });

  it('says which folder it needs on the node', async () => {
    const folder = '/var/lib/keepalived-ingress-vip/kube-system-api-keepalived-ingress-vip';
    expect((await print(valuesFile())).split('\n')[0]).toBe(
      `# Before, on each node: install -d -o 65532 -g 65532 ${folder}`,
    );
    const other = await print(valuesFile({ sidecar: { securityContext: { runAsUser: 2000 } } }), '--release', 'front');
    expect(other).toContain('install -d -o 2000 -g 65532 /var/lib/keepalived-ingress-vip/kube-system-front-');
  });

  it('takes later files over earlier ones, key by key, and null for not given', async () => {
    const later = join(directory, 'later.yaml');
    writeFileSync(later, stringify({ sidecar: { port: 10370 }, pod: { priorityClassName: null } }));
    const { spec } = await podOf(valuesFile({ sidecar: { port: 10371 }, metrics: { port: 10372 } }), '--values', later);
    const sidecar = spec.containers.find(({ name }) => name === 'sidecar');
    expect(sidecar).toMatchObject({ ports: [{ hostPort: 10370 }, { hostPort: 10372 }] });
    expect(spec.priorityClassName).toBeUndefined();
    expect(spec.priority).toBeUndefined();
  });

  it('has settings with a dollar as they are: the kubelet would put a variable there', async () => {
    const file = valuesFile({ keepalived: { checkServiceUrl: 'http://127.0.0.1/$(NODE_NAME)' } });
    const { spec } = await podOf(file);
    const env = spec.containers.find(({ name }) => name === 'sidecar')?.env ?? [];
    expect(env.find(({ name }) => name === 'FIRST_SETTINGS')?.value).toContain('/$$(NODE_NAME)');
  });

  it('brings the key along that nodes know each other by, where it is given: there is no Secret', async () => {
    const keyOf = async (keepalived: object) => {
      const { spec } = await podOf(valuesFile({ keepalived }));
      const env = spec.containers.find(({ name }) => name === 'sidecar')?.env ?? [];
      return env.find(({ name }) => name === 'CONNECTIONS_KEY')?.value;
    };
    expect(await keyOf({ resetConnections: { key: 'sixteen-letters-$(X)' } })).toBe('sixteen-letters-$$(X)');
    expect(await keyOf({})).toBeUndefined();
  });
});

describe('what no static pod can be made of', () => {
  it.each([
    [
      'no control plane',
      { controlPlaneLoadBalancing: null },
      /static pods are for controlPlaneLoadBalancing; set controlPlaneLoadBalancing.enabled to true/,
    ],
    ['an unknown key', { keepalive: {} }, /keepalive: is not a known key; correct its spelling or remove it/],
    ['a wrong type', { sidecar: { port: ['a'] } }, /sidecar.port: /],
    [
      'what the chart refuses',
      { keepalived: { advertInterval: 50 } },
      /ERROR: keepalived.advertInterval is 50; VRRP version 3 can say/,
    ],
    [
      'a password',
      { keepalived: { vrrpVersion: 2, advertInterval: 1 } },
      /keepalived.vrrpVersion is 2, whose password is in a Secret.*; set it to 3/,
    ],
    [
      'a CA of the cluster',
      { keepalived: { checkServiceUrl: 'https://127.0.0.1/', checkServiceCa: { configMap: 'a', key: 'ca.crt' } } },
      /keepalived.checkServiceCa is an object of the cluster/,
    ],
    [
      'a volume of the cluster',
      { pod: { extraVolumes: [{ name: 'mine', secret: { secretName: 'x' } }] } },
      /pod.extraVolumes: mine is an object of the cluster.*; give a hostPath/,
    ],
    [
      'BGP',
      {
        bgp: {
          enabled: true,
          asNumber: 64512,
          peers: [{ address: '192.168.11.1', asNumber: 64513 }],
          prefixes: ['203.0.113.0/24'],
        },
      },
      /bgp.enabled is true, but a static pod has no ConfigMap with its configuration; set it to false$/m,
    ],
    [
      'a variable of the cluster',
      { sidecar: { extraEnv: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'x', key: 'y' } } }] } },
      /extraEnv of the container sidecar: A comes from an object of the cluster.*; give its value/,
    ],
  ])('is told: %s', async (_, changes, message) => {
    const failure: unknown = await print(valuesFile(changes)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ManifestError);
    expect(String(failure)).toMatch(message);
  });

  it('is told of the command line, too', async () => {
    await expect(printManifest([], CHART)).rejects.toThrow(/usage: manifest --values FILE/);
    await expect(printManifest(['--vales', 'x'], CHART)).rejects.toThrow(
      /Unknown option '--vales'[\s\S]*usage: manifest/,
    );
    await expect(printManifest(['--values', join(directory, 'none')], CHART)).rejects.toThrow(
      /none cannot be read: ENOENT/,
    );
    const broken = join(directory, 'broken.yaml');
    writeFileSync(broken, 'a: [');
    await expect(print(broken)).rejects.toThrow(/broken.yaml cannot be read: /);
    writeFileSync(broken, '- a');
    await expect(print(broken)).rejects.toThrow(/the values are no mapping/);
  });
});
