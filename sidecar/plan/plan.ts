import { isIP } from 'node:net';
import { type NodePlanSpec, nodePlanSpecSchema } from '../../api/node-plan.ts';
import { canonical } from '../keepalived/address.ts';
import { serviceSettingsOf } from './health-check.ts';

/** A plan that can be carried out, or why it cannot. */
export type ReadPlan =
  | { readonly ok: true; readonly plan: NodePlanSpec }
  | { readonly ok: false; readonly reason: string };

type Problem = string | undefined;

function addressProblem(text: string): Problem {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  const longest = family === 4 ? 32 : 128;
  const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= longest);
  if (family !== 0 && rest.length === 0 && prefixFits) return undefined;
  return `"${text}" is not an IPv4 or IPv6 address, with or without a prefix`;
}

/** The first that is there twice. */
function repeated(values: readonly (string | number)[]): string | number | undefined {
  const seen = new Set<string | number>();
  return values.find((value) => seen.size === seen.add(value).size);
}

function first(problems: readonly Problem[]): Problem {
  return problems.find((problem) => problem !== undefined);
}

/** Names of instances and interfaces become words of keepalived's configuration, and the former names of files. */
function instanceProblem(
  { name, pool, addresses, peers }: NodePlanSpec['instances'][number],
  pools: Set<string>,
): Problem {
  const expected = name.startsWith(`${pool}-`) && /^\d{1,5}$/.test(name.slice(pool.length + 1));
  if (!expected || !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) {
    return `instance "${name}" is not called <pool>-<slot>`;
  }
  if (!pools.has(pool)) return `instance ${name} is of the pool ${pool}, which the plan does not have`;
  const badPeer = peers?.find((peer) => isIP(peer) === 0);
  if (badPeer !== undefined) return `instance ${name}: the peer "${badPeer}" is not an IPv4 or IPv6 address`;
  const badAddress = first(addresses.map(addressProblem));
  return badAddress === undefined ? undefined : `instance ${name}: ${badAddress}`;
}

function poolProblem({ name, interface: choice, healthCheck }: NodePlanSpec['pools'][number]): Problem {
  if (!/^$|^[^\s/:{}"'#!@$]{1,15}$|^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(choice)) {
    return `pool ${name}: "${choice}" is neither an interface's name nor a MAC address`;
  }
  if (healthCheck === undefined) return undefined;
  if ((healthCheck.httpGet === undefined) === (healthCheck.tcpSocket === undefined)) {
    return `pool ${name}: its health check does not have exactly one of httpGet and tcpSocket`;
  }
  try {
    serviceSettingsOf(healthCheck, false);
    return undefined;
  } catch (error) {
    return `pool ${name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function doubleProblem({ pools, instances }: NodePlanSpec): Problem {
  const addresses = instances.flatMap((instance) =>
    instance.addresses.map((text) => canonical(text.split('/')[0] ?? '')),
  );
  const doubles: [string, string | number | undefined][] = [
    ['pool', repeated(pools.map(({ name }) => name))],
    ['instance', repeated(instances.map(({ name }) => name))],
    ['router id', repeated(instances.map(({ virtualRouterId }) => virtualRouterId))],
    ['address', repeated(addresses)],
  ];
  const found = doubles.find(([, value]) => value !== undefined);
  return found === undefined ? undefined : `the plan has the ${found[0]} ${found[1]} twice`;
}

/**
 * Reads the spec of a NodePlan as the API serves it. A plan is taken whole or not at all: half a plan is nobody's wish. Pure.
 * @param spec anything
 */
export function readPlan(spec: unknown): ReadPlan {
  const parsed = nodePlanSpecSchema.safeParse(spec);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { ok: false, reason: `spec.${issue?.path.map(String).join('.')}: ${issue?.message}` };
  }
  const plan = parsed.data;
  const pools = new Set(plan.pools.map(({ name }) => name));
  const problem =
    first(plan.pools.map(poolProblem)) ??
    first(plan.instances.map((instance) => instanceProblem(instance, pools))) ??
    doubleProblem(plan);
  return problem === undefined ? { ok: true, plan } : { ok: false, reason: problem };
}

/** What a cached document says of the plan: null that there is none, undefined that nothing is known. */
export function readCachedPlan(document: unknown): NodePlanSpec | null | undefined {
  if (document === null) return null;
  const read = readPlan(document);
  return read.ok ? read.plan : undefined;
}
