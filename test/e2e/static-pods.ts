import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type RunningMachine, runOn } from '../cluster/machine.ts';
import { waitForApiServers } from '../environment/api-servers.ts';
import { CHART, helmUninstall, helmUpgrade, waitForHolder } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { inNetns } from '../support/netns.ts';
import { say } from '../support/print.ts';
import { succeeds } from '../support/succeeds.ts';
import { waitFor } from '../support/wait.ts';
import { labelNodes } from './nodes.ts';

const RELEASE = { release: 'api', namespace: 'kube-system' };
const NAME = 'api-keepalived-ingress-vip';
const LABEL = 'keepalived-ingress-vip.io/static-pod';
const MANIFEST = '/etc/kubernetes/manifests/api.yaml';
/** Two to three seconds on a quiet machine, most of them for what containerd starts. Another cluster's tests run beside this: bounded is that nobody waits for an API. */
const ANSWERS_MS = 30_000;
/** What only a hang reaches. */
const LIMIT = { limitMs: 120_000, everyMs: 50 };
const COMMAND_LIMIT_MS = 5000;
const INSTANCE = 'controlPlaneLoadBalancing.keepalived.vrrpInstances[0]';
const SIDECAR_IMAGE = 'docker.io/keepalived-ingress-vip/sidecar:0.1.0';

/** Whether somebody has the address: a connection is accepted or refused, which only its holder does. */
async function answers(client: string, address: string): Promise<boolean> {
  const [program, ...args] = inNetns(client, ['bash', '-c', `exec 3<>/dev/tcp/${address}/6443`]);
  const { exitCode, stderr } = await execa(program, args, { reject: false, timeout: COMMAND_LIMIT_MS });
  return exitCode === 0 || stderr.includes('refused');
}

/** ms from then until the address answers a client outside the cluster. */
async function msUntil(sinceMs: number, client: string, address: string): Promise<number> {
  await waitFor(`${address} to answer`, () => answers(client, address), { ...LIMIT, everyMs: 10 });
  return monotonicMs() - sinceMs;
}

/** The pods that a command of the image prints, before there is an API and beside a release; on a cluster of three control planes. */
export function describeStaticPods(planes: () => Site): void {
  describe('static pods', () => {
    /** A machine that is booted anew is another one. */
    const machines = (): readonly RunningMachine[] => planes().cluster.state.machines;
    const nodes = () => planes().cluster.plan.nodes;
    const client = () => planes().cluster.plan.client.netns;
    const onAll = (script: string, input = '') =>
      Promise.all(machines().map((machine) => runOn(machine, ['sh', '-c', script], { input })));

    function values(): string {
      const { vip } = planes().description;
      return stringify({
        controlPlaneLoadBalancing: {
          enabled: true,
          keepalived: { vrrpInstances: [{ virtualIPs: [vip], authPass: 'secret' }] },
          backends: { addresses: nodes().map(({ ipv4 }) => ipv4) },
        },
      });
    }

    /** As docs/static-pods.md has it, on a node that has containerd alone. */
    function printManifest(machine: RunningMachine): Promise<string> {
      const mount = 'type=bind,src=/etc/kubernetes/api.yaml,dst=/values.yaml,options=rbind:ro';
      const command = ['/usr/local/bin/node', '/app/sidecar.cjs', 'manifest', '--values', '/values.yaml'];
      const run = ['ctr', '--namespace', 'k8s.io', 'run', '--rm', '--mount', mount, SIDECAR_IMAGE, 'manifest'];
      return runOn(machine, [...run, ...command]);
    }

    async function apiServers(order: 'stop' | 'start'): Promise<void> {
      const { cluster } = planes();
      if (order === 'start') {
        await cluster.heal();
        await waitForApiServers(cluster);
      } else for (const { name } of nodes()) await cluster.inject('apiserver-stop', name);
    }

    /** The API through the address. */
    function kubectlThroughVip(args: readonly string[]): Promise<string> {
      return planes().kubectl(['--server', `https://${planes().address}:6443`, ...args]);
    }

    async function waitForApi(): Promise<void> {
      await waitFor('the API behind the address', () => succeeds(() => kubectlThroughVip(['get', 'nodes'])), LIMIT);
    }

    /** The pods that run for the release: those of the DaemonSet, and what the kubelets tell of static ones. */
    async function podsThatRun(): Promise<string[]> {
      const found = await planes().kubectl([
        ...['get', 'pods', '-n', RELEASE.namespace, '-l', `app.kubernetes.io/instance=${RELEASE.release}`],
        ...['-o', 'jsonpath={.items[*].metadata.name}'],
      ]);
      return found.split(' ').filter(Boolean).toSorted();
    }

    beforeAll(async () => {
      await onAll('cat >/etc/kubernetes/api.yaml', values());
      await apiServers('stop');
    });

    afterAll(async () => {
      await apiServers('start');
      await onAll(`rm -f ${MANIFEST}`);
      await waitFor('the static pods to end', async () => (await podsThatRun()).length === 0, LIMIT);
      await helmUninstall(planes(), RELEASE);
      await onAll('rm -rf /var/lib/keepalived-ingress-vip');
      await labelNodes(
        planes(),
        nodes().map(({ name }) => name),
        `${LABEL}-`,
      );
    });

    it('are there before any API server: the address answers while there is none', async () => {
      const [first] = machines();
      if (first === undefined) throw new Error('the cluster has no machine');
      const manifest = await printManifest(first);
      // A kubelet leaves hidden files alone: it never sees half a manifest.
      const hidden = MANIFEST.replace('/api', '/.api');
      // This may be the second try.
      await onAll(`rm -f ${MANIFEST}`);
      await waitFor('the address to be nowhere', async () => (await planes().holders()).length === 0, LIMIT);
      await onAll(`cat >${hidden} && ${manifest.split('\n')[0]?.replace(/^.*: /, '')}`, manifest);
      const startedMs = monotonicMs();
      await runOn(first, ['mv', hidden, MANIFEST]);
      // What comes after needs the others too, whatever is to be said of the first.
      const tookMs = await msUntil(startedMs, client(), planes().address).finally(() =>
        onAll(`[ -e ${MANIFEST} ] || mv ${hidden} ${MANIFEST}`),
      );
      say(`static pods: ${planes().address} answers ${(tookMs / 1000).toFixed(2)} s after the first kubelet had one`);
      await waitForHolder(planes());
      expect(tookMs).toBeLessThan(ANSWERS_MS);
    });

    it('serve the API servers when these come', async () => {
      await apiServers('start');
      await waitForApi();
    });

    it('are there again after a cold start of all nodes', async () => {
      const { cluster } = planes();
      for (const { name } of nodes()) await cluster.inject('node-crash', name);
      const startedMs = monotonicMs();
      await cluster.heal();
      const tookMs = await msUntil(startedMs, client(), planes().address);
      await waitForApi();
      const apiMs = monotonicMs() - startedMs;
      say(
        `cold start: the address answers after ${tookMs.toFixed(0)} ms, the API behind it after ${apiMs.toFixed(0)} ms`,
      );
      await waitForApiServers(cluster);
    });

    it('keep the DaemonSet of the release off their nodes, and follow its settings by a kubeconfig', async () => {
      const names = nodes().map(({ name }) => name);
      await labelNodes(planes(), names, `${LABEL}=${NAME}`);
      // This may be the second try.
      const install = ['upgrade', '--install', RELEASE.release, CHART, '-n', RELEASE.namespace, '--values', '-'];
      await planes().helm([...install, '--set', 'staticPods.enabled=true'], { input: values() });
      await bringKubeconfig();
      const second = planes().cluster.plan.ingressVip;
      await helmUpgrade(planes(), {
        ...RELEASE,
        set: [`${INSTANCE}.virtualIPs={${planes().description.vip},${second}/24}`, `${INSTANCE}.authPass=secret`],
      });
      await waitForHolder(planes(), second);
      expect(await podsThatRun()).toEqual(names.map((name) => `${NAME}-${name}`));
    });

    /** The commands of docs/static-pods.md. */
    async function bringKubeconfig(): Promise<void> {
      const secret = (key: string) =>
        planes().kubectl([
          'get',
          'secret',
          '-n',
          'kube-system',
          `${NAME}-static-pods`,
          '-o',
          `jsonpath={.data.${key}}`,
        ]);
      const token = () => secret('token').catch(() => '');
      await waitFor('the token of the static pods', async () => (await token()) !== '', LIMIT);
      const kubeconfig = stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'api',
        contexts: [{ name: 'api', context: { cluster: 'api', user: 'api' } }],
        clusters: [
          {
            name: 'api',
            cluster: {
              server: `https://${planes().address}:6443`,
              'certificate-authority-data': await secret('ca\\.crt'),
            },
          },
        ],
        users: [{ name: 'api', user: { token: Buffer.from(await token(), 'base64').toString() } }],
      });
      await onAll(
        `cd /var/lib/keepalived-ingress-vip/kube-system-${NAME}
        umask 077; cat >.new && chown 65532:65532 .new && mv .new kubeconfig`,
        kubeconfig,
      );
    }
  });
}
