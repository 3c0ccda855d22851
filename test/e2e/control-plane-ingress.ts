import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { summarize } from '../clients/outages.ts';
import type { Prober } from '../clients/prober.ts';
import { authorityIn, waitForApiServers } from '../environment/api-servers.ts';
import { freeAddresses, holdersByAddress, waitGone } from '../environment/pools.ts';
import { helmInstall, helmUninstall, helmUpgrade, waitForHolder } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { INTERFACE, ip } from '../support/netns.ts';
import { say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { nextAnswer } from './reachable.ts';

const PORT = 8443;
const LIMIT = { limitMs: 60_000, everyMs: 50 };
const READY = ['wait', '--for=condition=Ready', 'controlplaneingress/main', '--timeout=60s'];
const KEYS = 'controlPlane.ingress';
const MANAGED = `${KEYS}.managedVirtualIP.address`;
const EXTERNAL = `${KEYS}.externalIP.address`;
const NODE = `${KEYS}.nodeName`;
/** By then another node answers, when the holder is cut off: two advertisements and more, and a standstill of the machine. */
const FAILOVER_MS = 2000;

/**
 * MetalK8s' own scenarios of its control plane ingress: an address on a node of the control plane, its change, its failover, and switches
 * between an address that nodes hold, one of the user's and a node's.
 * @param given the cluster of three control planes, once it is up
 */
export function describeControlPlaneIngress(given: () => Site): void {
  describe("MetalK8s' ingress of the control plane", () => {
    let site: Site;
    let first: string;
    let second: string;
    let own: string;
    const probers: Prober[] = [];

    beforeAll(() => {
      site = given();
      [first = '', second = '', own = ''] = freeAddresses(site, 101, 3);
    });

    afterAll(async () => {
      for (const prober of probers) await prober.stop();
      await site.cluster.heal();
      await takeOff(own);
      await helmUninstall(site);
      await waitGone(site, [first, second]);
    });

    /** A client of the ingress by TLS, which verifies that the certificate is for the address. It runs. */
    async function clientOf(address: string): Promise<Prober> {
      const ca = authorityIn(site.description.kubeconfig);
      const prober = site.prober('regular', { address, port: PORT, ca, intervalMs: 20, timeoutMs: 900 });
      probers.push(prober);
      await prober.start();
      return prober;
    }

    function status(path: string): Promise<string> {
      return site.kubectl(['get', 'controlplaneingress', 'main', '-o', `jsonpath={.status.${path}}`]);
    }

    function condition(type: string): Promise<string> {
      return status(`conditions[?(@.type=="ControlPlaneIngress${type}")].reason`);
    }

    function change(...set: readonly string[]): Promise<string> {
      return helmUpgrade(site, { set });
    }

    /** Puts the user's address on a node's interface, as whoever moves it does. */
    async function putOn(node: string, address: string): Promise<void> {
      const machine = site.cluster.plan.nodes.find(({ name }) => name === node);
      await ip(['address', 'add', `${address}/32`, 'dev', INTERFACE], machine?.netns);
    }

    async function takeOff(address: string): Promise<void> {
      for (const { netns } of site.cluster.plan.nodes) {
        await ip(['address', 'delete', `${address}/32`, 'dev', INTERFACE], netns).catch(() => undefined);
      }
    }

    it('puts a managed address on one node of the control plane, where it answers, and says where it is reached', async () => {
      const notes = await helmInstall(site, { set: [`${MANAGED}=${first}`] });
      expect(notes).toContain(`control plane ingress  https://${first}:${PORT}`);
      const prober = await clientOf(first);
      await nextAnswer(prober, first);
      await site.kubectl(READY, { timeout: 70_000 });
      expect(await status('ip')).toBe(first);
      expect(await status('endpoint')).toBe(`https://${first}:${PORT}`);
      // A node whose pod comes last changes the plan, and for that moment the pool is not as it should be.
      await waitFor('the pool to be ready', async () => (await condition('VirtualIPReady')) === 'Ready', LIMIT);
      const holder = await waitForHolder(site, first);
      expect(prober.attempts(first).at(-1)?.who).toBe(holder);
    });

    it('changes it by one upgrade: the old one answers until the new one does, and is silent then', async () => {
      const [before, after] = [await clientOf(first), await clientOf(second)];
      await nextAnswer(before, first);
      const fromMs = monotonicMs();
      await change(`${MANAGED}=${second}`);
      const upgradedMs = monotonicMs();
      const answeredMs = await nextAnswer(after, second);
      await site.kubectl(READY, { timeout: 70_000 });
      await waitGone(site, [first]);
      expect(await status('ip')).toBe(second);
      const goneMs = monotonicMs();
      await nextAnswer(after, second);
      await waitFor('attempts at the old address', () => before.attempts(first, goneMs).length > 5, LIMIT);
      const lastMs = before.attempts(first, fromMs).findLast(({ ok }) => ok)?.endMs ?? 0;
      const firstMs = after.attempts(second, fromMs).find(({ ok }) => ok)?.endMs ?? answeredMs;
      const [old, fresh] = [
        summarize(before.attempts(first, fromMs).filter(({ endMs }) => endMs <= firstMs)),
        summarize(after.attempts(second, firstMs)),
      ];
      say(
        `change of the address: helm takes ${Math.round(upgradedMs - fromMs)} ms; the new one answers ${Math.round(firstMs - upgradedMs)} ms later, the old one ${Math.round(lastMs - firstMs)} ms longer; ${old.failed} attempts at the old one failed before, ${fresh.failed} at the new one after`,
      );
      // The old one went when the new one answered, not before.
      expect(lastMs).toBeGreaterThan(firstMs);
      expect(old.longestOutageMs).toBeLessThan(FAILOVER_MS);
      expect(fresh.longestOutageMs).toBeLessThan(FAILOVER_MS);
      expect(before.attempts(first, goneMs).filter(({ ok }) => ok)).toEqual([]);
    });

    it('keeps it until an address of the user answers, then removes the pool, and the address', async () => {
      await change(`${MANAGED}=`, `${EXTERNAL}=${own}`);
      const waits = async () =>
        (await status('conditions[?(@.type=="Ready")].message')).includes(`${own}:${PORT}/ does not answer`);
      await waitFor('the user’s address to be asked', waits, LIMIT);
      expect([...(await holdersByAddress(site)).keys()]).toContain(second);
      expect(await status('ip')).toBe(second);
      await putOn('node2', own);
      await site.kubectl(READY, { timeout: 70_000 });
      await waitGone(site, [second]);
      expect(await status('ip')).toBe(own);
      expect(await condition('VirtualIPConfigured')).toBe('NoVIP');
      expect(await site.kubectl(['get', 'virtualippools', '-o', 'name'])).toBe('');
    });

    it('goes back to a managed address, and leaves the user’s alone', async () => {
      await change(`${EXTERNAL}=`, `${MANAGED}=${first}`);
      await site.kubectl(READY, { timeout: 70_000 });
      expect(await status('ip')).toBe(first);
      await waitForHolder(site, first);
      const { netns } = site.cluster.plan.nodes.find(({ name }) => name === 'node2') ?? {};
      expect(await ip(['-o', 'address', 'show', 'dev', INTERFACE], netns)).toContain(` ${own}/32`);
    });

    it('survives the loss of the node that holds the address', async () => {
      const { cluster } = site;
      const prober = await clientOf(first);
      await nextAnswer(prober, first);
      const holder = await waitForHolder(site, first);
      try {
        const { injectedAt } = await cluster.inject('switch-cut', holder);
        const answer = () => prober.attempts(first, injectedAt.monotonicMs).find(({ ok, who }) => ok && who !== holder);
        const tookMs = (await waitFor('an answer of another node', answer, LIMIT)).endMs - injectedAt.monotonicMs;
        say(`ingress of the control plane: another node answers ${Math.round(tookMs)} ms after the cut of ${holder}`);
        expect(tookMs).toBeLessThan(FAILOVER_MS);
      } finally {
        await cluster.heal();
        await waitForApiServers(cluster);
      }
    });

    it('goes over to a node’s own address, and says when there is no such node', async () => {
      await change(`${MANAGED}=`, `${NODE}=node7`);
      await waitFor('the condition', async () => (await condition('Configured')) === 'NodeRetrievingError', LIMIT);
      expect(await status('ip')).toBe(first);
      await change(`${NODE}=node3`);
      await site.kubectl(READY, { timeout: 70_000 });
      await waitGone(site, [first]);
      const { ipv4 = '' } = site.cluster.plan.nodes.find(({ name }) => name === 'node3') ?? {};
      expect(await status('endpoint')).toBe(`https://${ipv4}:${PORT}`);
    });
  });
}
