import { runOn } from '../cluster/machine.ts';
import { ingressService } from '../environment/ingress-service.ts';
import { applyManifest, freeAddresses, holdersByAddress, waitForShares } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { installStandIn, podsOfStandIn } from '../peers/kube-vip-stand-in.ts';
import { INTERFACE } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { type Addresses, NAMESPACE, waitForAddresses } from './services.ts';
import { KUBE_VIP_STEPS, type Step } from './steps.ts';
import { type Expected, type Walked, type Walking, walk } from './walk.ts';
import type { Way } from './way.ts';

const FIRST_HOST = 160;
const COUNT = 8;
const LIMIT = { limitMs: 90_000, everyMs: 200 };

/** Every second address is on the second node, which leaves its own where they are. */
function sharesOf(site: Site, addresses: readonly string[]) {
  const [first, second] = site.cluster.plan.nodes;
  if (first === undefined || second === undefined) throw new Error('two nodes are needed');
  const every = (rest: number) => addresses.filter((_, index) => index % 2 === rest);
  return [
    { node: first.name, addresses: every(0) },
    { node: second.name, addresses: every(1), leaves: true },
  ] as const;
}

/** A Service as kube-vip's cloud provider leaves it. */
function serviceObjects(site: Site, name: string, address: string): object[] {
  const annotations = { 'kube-vip.io/loadbalancerIPs': address };
  const spec = { type: 'LoadBalancer', loadBalancerIP: address };
  return ingressService(site.cluster.plan.nodes, { name, namespace: NAMESPACE, annotations, spec });
}

async function serve(site: Site): Promise<Addresses> {
  const addresses = freeAddresses(site, FIRST_HOST, COUNT);
  await installStandIn(site, { 'range-global': `${addresses[0]}-${addresses.at(-1)}` }, sharesOf(site, addresses));
  await site.kubectl(['create', 'namespace', NAMESPACE]);
  const named = addresses.map((address, index) => [`served-${index}`, address] as const);
  const items = named.flatMap(([name, address]) => serviceObjects(site, name, address));
  await applyManifest(site, { apiVersion: 'v1', kind: 'List', items });
  for (const [name, address] of named) {
    const status = { loadBalancer: { ingress: [{ ip: address }] } };
    const patch = ['--subresource=status', '-p', JSON.stringify({ status })];
    await site.kubectl(['patch', 'service', '-n', NAMESPACE, name, ...patch]);
  }
  await waitForShares(site, addresses);
  return waitForAddresses(site);
}

/** Every Service says on which node its address is. */
async function waitForWaiting({ site, before }: Walking): Promise<void> {
  const path =
    '{range .items[*]}{.status.conditions[?(@.type=="keepalived-ingress-vip.io/Allocated")].reason}{"\\n"}{end}';
  const reasons = () => site.kubectl(['get', 'services', '-n', NAMESPACE, '-o', `jsonpath=${path}`]);
  await waitFor(
    'every Service to wait for its address',
    async () => (await reasons()).split('\n').filter((reason) => reason === 'AddressTaken').length === before.size,
    LIMIT,
  );
}

/** What the page has somebody do who finds addresses on a node. */
async function takeOffWhatIsLeft({ site, before, say }: Walking): Promise<void> {
  await waitFor("the stand-in's pods to end", async () => (await podsOfStandIn(site)) === '', LIMIT);
  const [, left] = sharesOf(site, [...before.values()]);
  const held = await holdersByAddress(site);
  const there = left.addresses.filter((address) => held.get(address)?.includes(left.node));
  if (there.length !== left.addresses.length)
    throw new Error(`${left.node} was to leave its addresses, and has ${there.join(', ')}`);
  say(`${left.node} still has ${there.join(', ')}`);
  const machine = site.cluster.state.machines.find(({ name }) => name === left.node);
  if (machine === undefined) throw new Error(`${left.node} is off`);
  for (const address of there) await runOn(machine, ['ip', 'address', 'del', `${address}/32`, 'dev', INTERFACE]);
}

async function walkThere(walking: Walking, results: Walked[]): Promise<void> {
  const expected = new Map<Step | undefined, Expected>([
    [KUBE_VIP_STEPS.at(-3), { after: () => waitForWaiting(walking) }],
    [KUBE_VIP_STEPS.at(-1), { held: true, after: () => takeOffWhatIsLeft(walking) }],
  ]);
  for (const step of KUBE_VIP_STEPS) {
    const { stdout, stderr } = await walk(walking, step, results, expected.get(step));
    walking.say(`${stdout}${stderr}`);
  }
}

/** The way from kube-vip, from its stand-in: one node takes its addresses off at its end, the other leaves them. */
export const FROM_KUBE_VIP: Way = {
  peer: "kube-vip's stand-in",
  images: async () => [],
  serve,
  walk: walkThere,
};
