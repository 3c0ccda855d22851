import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiServerFor } from '../cluster/plan.ts';
import { helmInstall, helmUninstall, helmUpgrade, RELEASE, waitForHolder } from '../environment/release.ts';
import { inNetns } from '../support/netns.ts';
import { documentedPermissions } from '../support/permissions.ts';
import { waitFor } from '../support/wait.ts';
import { type ContainerName, type RunningContainer, runningContainers } from './containers.ts';
import { site } from './here.ts';
import { PodApi, tokenFolder } from './pod-token.ts';
import { mountsOf, rightsOf } from './process-rights.ts';
import { waitForReplacement } from './rollout.ts';
import { runInShell, shellBlocks } from './shell-commands.ts';
import { openSockets } from './sockets.ts';
import { LIST_WRITABLE } from './writable.ts';

const NAMESPACE = 'vip-guarded';
const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8');
const SELECTOR = `app.kubernetes.io/instance=${RELEASE}`;
const PORTS = { status: 10270, metrics: 10271 };
const LIMIT = { limitMs: 60_000, everyMs: 200 };
/** What the container runtime gives every container to write to. */
const EVERYBODYS = ['/dev/mqueue', '/dev/shm', '/dev/termination-log'];

let notes = '';

/** What kubectl prints, of the release's namespace. */
function kubectl(...args: string[]): Promise<string> {
  return site.kubectl(['-n', NAMESPACE, ...args]);
}

function enforce(level: string): Promise<string> {
  return site.kubectl(['label', 'namespace', NAMESPACE, '--overwrite', `pod-security.kubernetes.io/enforce=${level}`]);
}

/** Waits until kubectl restarts the pods again: it does not twice in a second. */
async function restartable(): Promise<void> {
  const path = '{.items[0].spec.template.metadata.annotations.kubectl\\.kubernetes\\.io/restartedAt}';
  const restartedAt = Date.parse(await kubectl('get', 'deployments', '-l', SELECTOR, '-o', `jsonpath=${path}`));
  await waitFor('the second after the last restart', () => Date.now() >= restartedAt + 2000, LIMIT);
}

/** What Kubernetes says about the pods that it refuses by a level. */
function refusal(level: string): Promise<string> {
  return waitFor(
    `pods to be refused by ${level}`,
    async () => {
      const messages = await kubectl('get', 'events', '-o', 'jsonpath={range .items[*]}{.message}{"\\n"}{end}');
      return messages.split('\n').find((line) => line.includes(`violates PodSecurity "${level}:`));
    },
    LIMIT,
  );
}

beforeAll(async () => {
  await site.kubectl(['create', 'namespace', NAMESPACE]);
  await enforce('restricted');
  notes = await helmInstall(site, { namespace: NAMESPACE });
});

afterAll(async () => {
  await helmUninstall(site, { namespace: NAMESPACE });
  await site.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false']);
});

describe('a namespace that allows less than the pods need', () => {
  const asked = [
    'hostNetwork=true',
    '"NET_ADMIN", "NET_RAW", "SYS_NICE"',
    'hostPath',
    'uses hostPorts 10270, 10271',
    'probe or lifecycle host "127.0.0.1"',
  ];

  it('has no pods, says what they ask for, and the notes of the installation say what to do', async () => {
    const message = await refusal('restricted');
    for (const part of [...asked, 'runAsUser=0']) expect(message).toContain(part);
    expect(await kubectl('get', 'pods', '-o', 'name')).toBe('');
    expect(notes).toContain(
      `kubectl label namespace ${NAMESPACE} --overwrite pod-security.kubernetes.io/enforce=privileged`,
    );
  });

  it('refuses with baseline what the documentation says, and nothing else', async () => {
    await enforce('baseline');
    await kubectl('rollout', 'restart', 'deployment', '-l', SELECTOR);
    const message = await refusal('baseline');
    for (const part of asked) expect(message).toContain(part);
    const reasons = message.replace(/^.*?": /, '').replaceAll(/ \([^()]*(?:\([^()]*\)[^()]*)*\)/g, '');
    const documented =
      DOCUMENT.split('| what `baseline` refuses')[1]
        ?.split('\n\n')[0]
        ?.match(/^\| (?!-)/gm) ?? [];
    expect(reasons.split(', ')).toHaveLength(documented.length);
  });

  it('serves the address once it is labelled as documented', async () => {
    const [commands = ''] = shellBlocks(DOCUMENT, '## The namespace: Pod Security');
    await restartable();
    await runInShell(site, commands.replaceAll(/(?<= )vip(?= )/g, NAMESPACE));
    await waitForReplacement(site, NAMESPACE);
    await waitForHolder(site);
    const level = '{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}';
    expect(await site.kubectl(['get', 'namespace', NAMESPACE, '-o', `jsonpath=${level}`])).toBe('privileged');
  });
});

describe('the service account', () => {
  /** The rights `resource verb` that it has in a namespace and that not every service account has. */
  async function ownRights(namespace: string): Promise<string[]> {
    const rightsAs = async (account: string) => {
      const as = `--as=system:serviceaccount:${NAMESPACE}:${account}`;
      const list = await site.kubectl(['auth', 'can-i', '--list', as, '-n', namespace]);
      return list.split('\n').slice(1);
    };
    const [own, common] = await Promise.all([rightsAs(RELEASE), rightsAs('default')]);
    return own.filter((line) => !common.includes(line)).map((line) => line.replaceAll(/\s+/g, ' ').trim());
  }

  const lineOf = (verbs: readonly string[], resource: string) => `${resource} [] [] [${verbs.join(' ')}]`;

  it('may do in the release’s namespace what the documentation lists, and nothing else', async () => {
    const listed = documentedPermissions(DOCUMENT).map(({ resource, verbs }) => lineOf(verbs, resource));
    expect(new Set(await ownRights(NAMESPACE))).toEqual(new Set(listed));
  });

  it('may do in other namespaces only what is listed for the whole cluster', async () => {
    const listed = documentedPermissions(DOCUMENT).filter(({ scope }) => scope === 'cluster');
    expect(await ownRights('default')).toEqual(listed.map(({ resource, verbs }) => lineOf(verbs, resource)));
  });
});

describe.skipIf(!site.hasHarness)('on the nodes', () => {
  let containers: RunningContainer[] = [];

  function processes(name: ContainerName): number[] {
    return containers.filter((container) => container.name === name).flatMap(({ cgroup }) => cgroup.processes());
  }

  /** One container, with its pod. */
  async function container(name: ContainerName): Promise<RunningContainer & { pod: string }> {
    const found = containers.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no ${name} runs`);
    const here = `--field-selector=spec.nodeName=${found.node}`;
    return { ...found, pod: await kubectl('get', 'pods', '-l', SELECTOR, here, '-o', 'name') };
  }

  async function inSidecar(script: string): Promise<string> {
    const { pod } = await container('sidecar');
    return kubectl('exec', pod, '-c', 'sidecar', '--', '/usr/local/bin/node', '--lite-mode', '-e', script);
  }

  beforeAll(() => {
    containers = runningContainers(site.cluster.state);
  });

  it('two containers run on each of two nodes', () => {
    expect(containers.map(({ name }) => name)).toEqual(['keepalived', 'sidecar', 'keepalived', 'sidecar']);
  });

  it('the sidecar is nobody in particular, without any capability, and can get none', () => {
    const pids = processes('sidecar');
    expect(pids.length).toBeGreaterThanOrEqual(2);
    for (const pid of pids) {
      expect(rightsOf(pid)).toEqual({
        users: [65532, 65532, 65532, 65532],
        groups: [65532, 65532, 65532, 65532],
        ...{ permitted: [], effective: [], inheritable: [], bounding: [], ambient: [] },
        noNewPrivileges: true,
        filtered: true,
      });
    }
  });

  it('keepalived has three capabilities and can get no more', () => {
    for (const pid of containers.filter(({ name }) => name === 'keepalived').map((each) => each.pid)) {
      expect(rightsOf(pid)).toMatchObject({
        effective: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'],
        bounding: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'],
        ...{ inheritable: [], ambient: [] },
        noNewPrivileges: true,
        filtered: true,
      });
    }
  });

  it('the sidecar can write to the runtime directory, and to what the container runtime gives every container', async () => {
    const writable: unknown = JSON.parse(await inSidecar(LIST_WRITABLE));
    expect(writable).toEqual([...EVERYBODYS, '/run/keepalived-ingress-vip']);
  });

  it('the sidecar cannot change what is keepalived’s in the runtime directory', async () => {
    const attempts = `
      const fs = require('fs'), file = '/run/keepalived-ingress-vip/keepalived.conf';
      const code = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
      console.log(JSON.stringify([
        code(() => fs.readFileSync(file)), code(() => fs.appendFileSync(file, 'x')), code(() => fs.rmSync(file)),
        code(() => fs.renameSync(file, file + '.old')),
      ]));`;
    expect(JSON.parse(await inSidecar(attempts))).toEqual(['EACCES', 'EACCES', 'EPERM', 'EPERM']);
  });

  it('root file systems and settings are read-only', () => {
    const writable = (name: ContainerName) =>
      containers
        .filter((each) => each.name === name)
        .map(({ pid }) => mountsOf(pid).filter((mount) => mount.writable && !/^\/(dev|proc|sys)/.test(mount.path)));
    const paths = (name: ContainerName) => writable(name).map((mounts) => mounts.map(({ path }) => path).toSorted());
    // The kubelet's file of hosts is root's, see above.
    const shared = ['/etc/hosts', '/run/keepalived-ingress-vip'];
    const keepaliveds = [...shared, '/tmp', '/var/lib/keepalived-ingress-vip'];
    expect(paths('sidecar')).toEqual([shared, shared]);
    expect(paths('keepalived')).toEqual([keepaliveds, keepaliveds]);
  });

  it('only the sidecar has a token, which no log shows', async () => {
    const sidecar = await container('sidecar');
    const keepalived = await container('keepalived');
    const { token } = new PodApi(sidecar.pid, apiServerFor(site.cluster.plan));
    expect(token.split('.')).toHaveLength(3);
    expect(tokenFolder(keepalived.pid)).toBeUndefined();
    for (const path of ['run/secrets', 'var/run/secrets']) {
      expect(existsSync(`/proc/${keepalived.pid}/root/${path}`)).toBe(false);
    }
    expect(await kubectl('logs', sidecar.pod, '--all-containers')).not.toContain(token);
  });

  it.each([
    ['GET', '/api/v1/namespaces/NAMESPACE/pods', 200],
    ['GET', '/api/v1/nodes?watch=true&timeoutSeconds=1', 200],
    ['GET', '/readyz', 200],
    ['GET', '/api/v1/namespaces/NAMESPACE/secrets', 403],
    ['GET', '/api/v1/namespaces/NAMESPACE/configmaps', 403],
    [`GET`, `/api/v1/namespaces/NAMESPACE/configmaps/${RELEASE}`, 403],
    ['POST', '/api/v1/namespaces/NAMESPACE/pods', 403],
    ['DELETE', '/api/v1/namespaces/NAMESPACE/pods', 403],
    ['GET', '/api/v1/pods', 403],
    ['GET', '/api/v1/namespaces/kube-system/secrets', 403],
    ['GET', '/api/v1/nodes', 403],
    ['GET', '/api/v1/nodes/node1', 403],
    ['PATCH', '/api/v1/nodes/node1', 403],
    ['POST', '/api/v1/nodes/node1/proxy/run', 403],
  ])('the sidecar’s token: %s %s is answered with %i', async (method, path, expected) => {
    const { pid } = await container('sidecar');
    const api = new PodApi(pid, apiServerFor(site.cluster.plan));
    const body = method === 'GET' ? undefined : { spec: { unschedulable: true } };
    expect(await api.status(method, path.replace('NAMESPACE', NAMESPACE), body)).toBe(expected);
  });

  it('nothing listens where the network can reach it but what the documentation lists', () => {
    const table = DOCUMENT.split('| socket | whose |')[1] ?? '';
    const documented = [...table.matchAll(/^\| (`.*`) \|/gm)].flatMap(([, cell = '']) => cell.match(/[^`]{6,}/g) ?? []);
    for (const node of new Set(containers.map((each) => each.node))) {
      const here = containers.filter((each) => each.node === node).flatMap(({ cgroup }) => cgroup.processes());
      expect(openSockets(here)).toEqual(documented.toSorted());
    }
  });

  /** What a client outside the cluster gets from a port of a node: the status of the answer, or why there is none. */
  async function fromClient(address: string, port: number): Promise<string> {
    const url = `http://${address}:${port}/metrics`;
    const { client } = site.cluster.plan;
    const curl = ['curl', '-s', '-o', '/dev/null', '-m', '15', '-w', '%{http_code}', url];
    const [program, ...args] = inNetns(client.netns, curl);
    const { exitCode, stdout } = await execa(program, args, { reject: false, timeout: 20_000 });
    if (exitCode === 7) return 'refused'; // curl(1): failed to connect to host
    return exitCode === 0 ? String(stdout) : `curl ended with ${exitCode}`;
  }

  function addresses(): string[] {
    const nodes = site.cluster.plan.nodes.filter(({ name }) => containers.some(({ node }) => node === name));
    return [...nodes.map(({ ipv4 }) => ipv4), site.address];
  }

  it('a client reaches the ingress, but neither status nor metrics', async () => {
    for (const address of addresses()) {
      expect(await fromClient(address, 80)).toBe('200');
      expect(await fromClient(address, PORTS.status)).toBe('refused');
      expect(await fromClient(address, PORTS.metrics)).toBe('refused');
    }
  });

  it('a sidecar that was taken over cannot run a program with keepalived’s rights', async () => {
    const { pid, pod } = await container('keepalived');
    const folder = `/proc/${pid}/root`;
    const script = '"/usr/bin/touch /tmp/by-script"';
    await inSidecar(`
      const fs = require('fs'), folder = '/run/keepalived-ingress-vip/';
      const text = fs.readFileSync(folder + 'candidate.conf', 'utf8')
        .replace('script_user root', 'script_user root\\nenable_script_security\\nvrrp_notify_fifo_script ${script}')
        .replace('vrrp_instance vip {', 'vrrp_script s {\\nscript ${script}\\ninterval 1\\n}\\nvrrp_instance vip {\\ntrack_script {\\ns\\n}\\nnotify ${script}');
      fs.writeFileSync(folder + 'candidate.new', text);
      fs.renameSync(folder + 'candidate.new', folder + 'candidate.conf');
      fs.writeFileSync(folder + 'supervisor.request', '\\n');
    `);
    expect(existsSync(`${folder}/usr/bin/touch`)).toBe(true);
    const log = async () => kubectl('logs', pod, '-c', 'keepalived');
    await waitFor('the supervisor to refuse it', async () => (await log()).includes('exit_code="78"'), LIMIT);
    expect(await log()).toMatch(/refused the candidate.*enable_script_security/);
    expect(existsSync(`${folder}/tmp/by-script`)).toBe(false);
  });

  it('a client reaches the metrics, and only them, when that is asked for', async () => {
    await helmUpgrade(site, { namespace: NAMESPACE, set: ['metrics.enabled=true'] });
    await waitForReplacement(site, NAMESPACE);
    await waitForHolder(site);
    containers = runningContainers(site.cluster.state);
    for (const address of addresses()) {
      expect(await fromClient(address, PORTS.metrics)).toBe('200');
      expect(await fromClient(address, PORTS.status)).toBe('refused');
    }
  });
});
