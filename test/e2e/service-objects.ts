import { ingressService } from '../environment/ingress-service.ts';
import { applyManifest } from '../environment/pools.ts';
import { waitFor } from '../support/wait.ts';
import { site } from './here.ts';

/** The finalizer that keeps a Service until no node has its address. */
export const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
/** A controller that hangs is replaced after fifteen seconds. */
const LIMIT = { limitMs: 90_000, everyMs: 100 };

/** As the API server has a Service. */
interface ServiceObject {
  readonly metadata: { readonly name: string; readonly finalizers?: readonly string[] };
  readonly status: {
    readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string; readonly ipMode?: string }[] };
    readonly conditions?: readonly { readonly type: string; readonly reason: string; readonly message: string }[];
  };
}

interface ClaimObject {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly owners: readonly { readonly name: string }[];
    readonly retained?: { readonly name: string };
  };
}

/** A Service of the ingress of every node, which answers with the node's name. */
export async function createService(
  name: string,
  annotations: Record<string, string> = {},
  namespace = 'shop',
  spec: Readonly<Record<string, unknown>> = { type: 'LoadBalancer' },
) {
  const items = objectsOfService(name, annotations, namespace, spec);
  await applyManifest(site, { apiVersion: 'v1', kind: 'List', items });
}

/** Several of these, by one command. */
export async function createServices(names: readonly string[], namespace = 'shop'): Promise<void> {
  const items = names.flatMap((name) => objectsOfService(name, {}, namespace, { type: 'LoadBalancer' }));
  await applyManifest(site, { apiVersion: 'v1', kind: 'List', items });
}

function objectsOfService(
  name: string,
  annotations: Record<string, string>,
  namespace: string,
  spec: Readonly<Record<string, unknown>>,
): object[] {
  return ingressService(site.cluster.plan.nodes, { name, namespace, annotations, spec });
}

/** A Service as the API server has it. */
export async function serviceOf(name: string, namespace = 'shop'): Promise<ServiceObject> {
  return JSON.parse(await site.kubectl(['get', 'service', '-n', namespace, name, '-o', 'json']));
}

/** The addresses that a Service publishes. */
export async function addressesOf(name: string, namespace = 'shop'): Promise<string[]> {
  return ((await serviceOf(name, namespace)).status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
}

/** The condition of a Service that says what came of its wish for an address; undefined when it has none. */
export async function allocated(name: string, namespace = 'shop') {
  return allocationOf(await serviceOf(name, namespace));
}

/** The reasons of these conditions of several Services: by one command, which leaves the processors to what is waited for. */
export async function reasonsOf(names: readonly string[], namespace = 'shop'): Promise<(string | undefined)[]> {
  const list = JSON.parse(await site.kubectl(['get', 'services', '-n', namespace, '-o', 'json']));
  const { items } = list as { readonly items: readonly ServiceObject[] };
  const byName = new Map(items.map((item) => [item.metadata.name, allocationOf(item)?.reason]));
  return names.map((name) => byName.get(name));
}

function allocationOf({ status: { conditions = [] } }: ServiceObject) {
  return conditions.find(({ type }) => type === 'keepalived-ingress-vip.io/Allocated');
}

/** Waits until a Service has one address, and gives it. */
export function addressOf(name: string, namespace = 'shop'): Promise<string> {
  return waitFor(
    `an address of ${name}`,
    async () => (await addressesOf(name, namespace))[0],
    LIMIT,
    () => 'it has none',
  );
}

/** All claims. */
export async function claims(): Promise<ClaimObject[]> {
  return JSON.parse(await site.kubectl(['get', 'serviceaddresses', '-o', 'json'])).items;
}

/** Deletes a Service, and waits until it is gone. */
export function deleteService(name: string, namespace = 'shop'): Promise<string> {
  return deleteServices([name], namespace);
}

/** Deletes Services by one command, and waits until all are gone. */
export function deleteServices(names: readonly string[], namespace = 'shop'): Promise<string> {
  return site.kubectl(['delete', 'service', '-n', namespace, ...names, '--timeout=60s'], { timeout: 70_000 });
}
