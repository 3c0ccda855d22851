import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Pki } from './pki.ts';
import { planCluster } from './plan.ts';
import { type MachineFile, machineFiles } from './services.ts';

const secret = { cert: 'certificate', key: 'key' };
const pki: Pki = {
  ca: { cert: 'authority', key: 'authority key' },
  serviceAccount: { key: 'signing key', publicKey: 'public key' },
  certificate: () => secret,
};
const one = planCluster({ name: 'default', nodes: 3, controlPlanes: 1, subnet: 0 });
const three = planCluster({ name: 'default', nodes: 3, controlPlanes: 3, subnet: 0 });

function filesOf(plan: typeof one, name: string): Map<string, MachineFile> {
  const machine = plan.machines.find((each) => each.name === name);
  if (machine === undefined) throw new Error(name);
  return new Map(machineFiles(plan, machine, pki).map((file) => [file.path, file]));
}

function services(files: Map<string, MachineFile>): string[] {
  return [...files.keys()].flatMap((path) => /^\/etc\/machine\/services\/(.*)\/run$/.exec(path)?.[1] ?? []).toSorted();
}

describe('the files of a machine', () => {
  it('run the control plane on its own machine and the node programs on nodes', () => {
    const controlPlane = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
    expect(services(filesOf(one, 'cp'))).toEqual(controlPlane);
    expect(services(filesOf(one, 'node1'))).toEqual(['containerd', 'kube-proxy', 'kubelet']);
    expect(services(filesOf(three, 'node1'))).toEqual(
      ['containerd', ...controlPlane, 'kube-proxy', 'kubelet'].toSorted(),
    );
  });

  it('give the authority’s key to control planes only', () => {
    const holds = (files: Map<string, MachineFile>) =>
      [...files.values()].some(({ content }) => content === 'authority key');
    expect([holds(filesOf(one, 'cp')), holds(filesOf(one, 'node1'))]).toEqual([true, false]);
  });

  it('let nobody but root read keys', () => {
    const open = [...filesOf(three, 'node1').values()].filter(
      ({ content, mode = 0o600 }) => content === 'key' && mode !== 0o600,
    );
    expect(open).toEqual([]);
  });

  it('make three control planes one etcd cluster with an elected scheduler', () => {
    const files = filesOf(three, 'node2');
    expect(files.get('/etc/machine/services/etcd/run')?.content).toContain(
      'initial-cluster=node1=http://10.77.0.11:2380,node2=http://10.77.0.12:2380,node3=http://10.77.0.13:2380',
    );
    expect(files.get('/etc/machine/services/kube-scheduler/run')?.content).toContain('--leader-elect=true');
    expect(filesOf(one, 'cp').get('/etc/machine/services/kube-scheduler/run')?.content).toContain(
      '--leader-elect=false',
    );
  });

  it('give each API server a certificate of its own, and time to say that it ends where clients have another one', () => {
    const asked: string[] = [];
    const certificate = (identity: string) => {
      asked.push(identity);
      return secret;
    };
    const machine = three.controlPlanes[1];
    if (machine === undefined) throw new Error('a second one is missing');
    const files = new Map(machineFiles(three, machine, { ...pki, certificate }).map((file) => [file.path, file]));
    expect(asked).toContain('apiserver-node2');
    const run = files.get('/etc/machine/services/kube-apiserver/run')?.content;
    expect(run).toContain('--tls-cert-file=/etc/kubernetes/pki/apiserver-node2.crt');
    expect(run).toContain('--shutdown-delay-duration=5s');
    expect(filesOf(one, 'cp').get('/etc/machine/services/kube-apiserver/run')?.content).not.toContain('shutdown-delay');
  });

  it('taint nodes that are control planes, as installers do', () => {
    const kubelet = (plan: typeof one) =>
      parse(filesOf(plan, 'node1').get('/etc/kubernetes/kubelet.yaml')?.content ?? '') as Record<string, unknown>;
    expect(kubelet(three).registerWithTaints).toEqual([
      { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
    ]);
    expect(kubelet(one).registerWithTaints).toBeUndefined();
  });
});
