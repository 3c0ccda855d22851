import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readRelease } from './manifests.ts';

const CONFIG = `
vrrp:
  addresses: ["172.30.0.100/24", "fd00:172:30::100"]
server: { port: 10270 }
`;

const CONTAINER = { securityContext: { capabilities: { drop: ['ALL'] } } };

/** A rendered release as an object to change, and its text. */
function release(
  change: (podSpec: Record<string, unknown>) => void = () => undefined,
  more: object[] = [],
  settings = CONFIG,
): string {
  const podSpec = {
    hostNetwork: true,
    initContainers: [
      { name: 'once', ...CONTAINER },
      {
        name: 'sidecar',
        restartPolicy: 'Always',
        args: ['--config', '/etc/x/config.yaml'],
        env: [
          { name: 'LEVEL', value: 'info' },
          { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        ],
        volumeMounts: [{ name: 'config', mountPath: '/etc/x', readOnly: true }],
        securityContext: { runAsUser: 65532, runAsGroup: 65531, capabilities: { drop: ['ALL'] } },
      },
    ],
    containers: [
      {
        name: 'keepalived',
        command: ['/bin/other'],
        lifecycle: { preStop: { exec: { command: ['/bin/drain', 'now'] } } },
        securityContext: { capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
      },
    ],
    volumes: [
      { name: 'config', configMap: { name: 'settings' } },
      { name: 'run', emptyDir: { medium: 'Memory' } },
      { name: 'state', hostPath: { path: '/run/state' } },
    ],
  };
  change(podSpec);
  const documents = [
    { kind: 'ConfigMap', metadata: { name: 'settings' }, data: { 'config.yaml': settings } },
    {
      kind: 'DaemonSet',
      metadata: { name: 'vip' },
      spec: { template: { metadata: { labels: { app: 'vip' } }, spec: podSpec } },
    },
    ...more,
  ];
  return `${documents.map((document) => stringify(document)).join('---\n')}---\n# an empty document\n`;
}

describe('readRelease', () => {
  it('leaves the controller of pools alone: it is no pod of a node', () => {
    const controller = {
      kind: 'Deployment',
      metadata: { name: 'vip-controller', labels: { 'app.kubernetes.io/component': 'controller' } },
    };
    expect(readRelease(release(undefined, [controller])).workload).toBe('vip');
  });

  it('gives the containers in the order in which Kubernetes starts them, native sidecars first', () => {
    expect(readRelease(release()).containers).toEqual([
      {
        name: 'sidecar',
        command: undefined,
        args: ['--config', '/etc/x/config.yaml'],
        env: [
          { name: 'LEVEL', value: 'info' },
          { name: 'NODE_NAME', field: 'spec.nodeName' },
        ],
        mounts: [{ volume: 'config', path: '/etc/x', readOnly: true }],
        preStop: undefined,
        uid: 65532,
        gid: 65531,
        capabilities: [],
      },
      {
        name: 'keepalived',
        command: ['/bin/other'],
        args: [],
        env: [],
        mounts: [],
        preStop: ['/bin/drain', 'now'],
        uid: 0,
        gid: 0,
        capabilities: ['NET_ADMIN'],
      },
    ]);
  });

  it('takes addresses and the sidecar’s port from the settings that the pod mounts', () => {
    const { workload, podLabels, addresses, sidecarUrl } = readRelease(release());
    expect({ workload, podLabels, addresses, sidecarUrl }).toEqual({
      workload: 'vip',
      podLabels: { app: 'vip' },
      addresses: ['172.30.0.100', 'fd00:172:30::100'],
      sidecarUrl: 'http://127.0.0.1:10270',
    });
  });

  it('takes addresses of the control plane besides', () => {
    const section = {
      keepalived: { vrrpInstances: [{ virtualIPs: ['10.0.0.100/24'] }, { virtualIPs: ['fd00::7/64'] }] },
    };
    const settings = `${CONFIG}controlPlaneLoadBalancing: ${JSON.stringify(section)}\n`;
    expect(readRelease(release(undefined, [], settings)).addresses.slice(2)).toEqual(['10.0.0.100', 'fd00::7']);
  });

  it('tells memory, the node’s directories and files apart', () => {
    expect(readRelease(release()).volumes).toEqual({
      config: { kind: 'files', files: { 'config.yaml': CONFIG } },
      run: { kind: 'memory' },
      state: { kind: 'host', path: '/run/state' },
    });
  });

  it('decodes Secrets and picks the keys that a volume names', () => {
    const secret = { kind: 'Secret', metadata: { name: 's' }, data: { a: btoa('one'), b: btoa('two') } };
    const rendered = release(
      (spec) => {
        const volume = { name: 'auth', secret: { secretName: 's', items: [{ key: 'b', path: 'password' }] } };
        spec.volumes = [...(spec.volumes as object[]), volume];
      },
      [secret],
    );
    expect(readRelease(rendered).volumes.auth).toEqual({ kind: 'files', files: { password: 'two' } });
  });

  it('knows what a projected volume takes from the cluster and from the pod', () => {
    const sources = [
      { serviceAccountToken: { path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ];
    const rendered = release((spec) => {
      spec.volumes = [...(spec.volumes as object[]), { name: 'api', projected: { sources } }];
    });
    expect(readRelease(rendered).volumes.api).toEqual({
      kind: 'files',
      files: {
        token: { cluster: 'token' },
        'ca.crt': { cluster: 'ca.crt' },
        namespace: { field: 'metadata.namespace' },
      },
    });
  });

  it('gives every container the service account’s files unless the pod says no', () => {
    expect(readRelease(release()).automountServiceAccount).toBe(true);
    const without = release((spec) => {
      spec.automountServiceAccountToken = false;
    });
    expect(readRelease(without).automountServiceAccount).toBe(false);
  });

  it('sees from the pod template whether pods would be restarted', () => {
    const changed = release((spec) => {
      spec.priorityClassName = 'high';
    });
    expect(readRelease(changed).podTemplate).not.toBe(readRelease(release()).podTemplate);
    expect(readRelease(release()).podTemplate).toBe(readRelease(release()).podTemplate);
  });

  it.each<[string, (spec: Record<string, unknown>) => void, RegExp]>([
    [
      'a pod without the host’s network',
      (spec) => Object.assign(spec, { hostNetwork: false }),
      /does not use the host's network/,
    ],
    [
      'a ConfigMap of somebody else',
      (spec) => Object.assign(spec, { volumes: [{ name: 'ca', configMap: { name: 'theirs' } }] }),
      /wants the ConfigMap theirs, which is not part of the release/,
    ],
    [
      'a kind of volume that it does not know',
      (spec) => Object.assign(spec, { volumes: [{ name: 'disk', nfs: {} }] }),
      /volume disk is of a kind that the lab does not know: name, nfs/,
    ],
    [
      'a runtime’s default capabilities',
      (spec) => Object.assign(spec, { containers: [{ name: 'keepalived' }] }),
      /keepalived does not drop all capabilities/,
    ],
    ['a pod without settings', (spec) => Object.assign(spec, { volumes: [] }), /no volume with a config.yaml/],
  ])('refuses %s', (_, change, message) => {
    expect(() => readRelease(release(change))).toThrow(message);
  });

  it('refuses a rendering without a workload', () => {
    expect(() => readRelease(stringify(parse('kind: Service\nmetadata: { name: x }')))).toThrow(/0 DaemonSets/);
  });
});
