import * as z from 'zod';
import {
  type HoldingInstance,
  holdingInstances,
  MAX_INSTANCES,
  MAX_LOOPBACK,
  type NodePlanSpec,
  nodePlanSpecSchema,
  type PlannedApart,
  type PlannedLoopback,
  type PlannedPool,
  type PlannedSpare,
  plannedApartSchema,
  plannedInstanceSchema,
  plannedLoopbackSchema,
  plannedPoolSchema,
  plannedSpareSchema,
} from '../../../api/node-plan.ts';
import { canonical } from '../../../common/addresses.ts';
import { issueText } from '../../../common/check-document.ts';
import { Claims } from '../../../common/claims.ts';

/** A plan, or as much of it as can be carried out; or why nothing of it can. */
export type ReadPlan =
  | {
      readonly ok: true;
      readonly plan: NodePlanSpec;
      /** What is left out, or goes on as it was, and why: a sentence for each pool and instance. */
      readonly problems: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/** What can't be split: who it is from, and that there are lists. */
const outlineSchema = z.object({
  plan: nodePlanSpecSchema.shape.plan,
  pools: z.array(z.unknown()).max(MAX_INSTANCES),
  instances: z.array(z.unknown()).max(MAX_INSTANCES),
  spares: z.array(z.unknown()).max(MAX_INSTANCES).optional(),
  apart: z.array(z.unknown()).max(MAX_INSTANCES).optional(),
  loopback: z.array(z.unknown()).max(MAX_LOOPBACK).optional(),
});

/** An element of a list: right, or called something and wrong. */
type Element<T> = { readonly name: string | undefined; readonly value?: T; readonly problem?: string };

/** As long as the name of a pool may be (a DNS label, RFC 1123): what is longer is no name to call something by in a message. */
const LONGEST_NAME = 63;

function nameOf(element: unknown): string | undefined {
  const { name } = (element ?? {}) as { name?: unknown };
  return typeof name === 'string' && name.length <= LONGEST_NAME ? name : undefined;
}

function read<T>(kind: string, schema: z.ZodType<T>, elements: readonly unknown[]): Element<T>[] {
  return elements.map((element, index) => {
    const name = nameOf(element);
    const parsed = schema.safeParse(element);
    if (parsed.success) return { name, value: parsed.data };
    const what = name === undefined ? `${kind} number ${index}` : `${kind} ${name}`;
    return { name, problem: `${what}: ${parsed.error.issues.map(issueText).join('; ')}` };
  });
}

/** Accepts pools one by one; one that is wrong stays as it was before. */
function acceptPools(elements: readonly Element<PlannedPool>[], before: readonly PlannedPool[]) {
  const known = new Map(before.map((pool) => [pool.name, pool]));
  const pools = new Map<string, PlannedPool>();
  const problems = elements.flatMap(({ name, value, problem }) => {
    const pool = value ?? known.get(name ?? '');
    if (pool === undefined) return [`${problem}; it is left out`];
    if (pools.has(pool.name)) return [`the plan has the pool ${pool.name} twice; the first is carried out`];
    pools.set(pool.name, pool);
    return problem === undefined ? [] : [`${problem}; it goes on as it was`];
  });
  return { pools, problems };
}

/** What has an address has it alone. */
function addressClaims(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((text) => canonical(text)))].map((address) => `address ${address}`);
}

/** What an instance has to itself on the node: keepalived refuses a configuration that has it twice. */
function claimsOf({ name, virtualRouterId, addresses }: HoldingInstance): string[] {
  return [`instance ${name}`, `router id ${virtualRouterId}`, ...addressClaims(addresses)];
}

/** The instances that are accepted, none of which has what another has. */
class Instances {
  readonly accepted: HoldingInstance[] = [];
  readonly claims = new Claims();

  /** Accepts an instance. @returns why it is refused */
  accept(instance: HoldingInstance, pools: ReadonlyMap<string, PlannedPool>): string | undefined {
    const { name, pool, addresses } = instance;
    if (!pools.has(pool)) return `instance ${name} is of the pool ${pool}, which the plan does not have`;
    const claims = claimsOf(instance);
    // Its name and its router id are among the claims.
    if (claims.length < addresses.length + 2) return `instance ${name} has an address twice`;
    const conflict = this.claims.claim(claims, name);
    if (conflict !== undefined) return `the plan has the ${conflict.key} twice; ${conflict.owner} has it`;
    this.accepted.push(instance);
    return undefined;
  }
}

function acceptInstances(
  elements: readonly Element<HoldingInstance>[],
  pools: ReadonlyMap<string, PlannedPool>,
  before: readonly HoldingInstance[],
) {
  const instances = new Instances();
  const problems = elements.flatMap(({ value, problem }) => {
    const refused = value === undefined ? problem : instances.accept(value, pools);
    return refused === undefined ? [] : [refused];
  });
  // What is wrong goes on as it was, as long as it is in nobody's way.
  const wrong = new Set(elements.filter(({ value }) => value === undefined).map(({ name }) => name));
  for (const instance of before) {
    if (wrong.has(instance.name)) instances.accept(instance, pools);
  }
  return { instances: instances.accepted, problems, claims: instances.claims };
}

function isApart(instance: HoldingInstance): instance is PlannedApart {
  return instance.multicastGroup !== undefined;
}

function instancesBefore(before: NodePlanSpec | null): HoldingInstance[] {
  return before === null ? [] : holdingInstances(before);
}

/** Instances in the lists in which a plan has them. */
function byGroup(instances: readonly HoldingInstance[], hasApart: boolean) {
  const common = instances.filter((each) => !isApart(each));
  return hasApart ? { instances: common, apart: instances.filter(isApart) } : { instances: common };
}

/** Accepts instances without addresses. One that is wrong is left out: all that is lost is that the next address waits for an election. */
function acceptSpares(
  elements: readonly Element<PlannedSpare>[],
  { pools, claims }: { readonly pools: ReadonlyMap<string, PlannedPool>; readonly claims: Claims },
) {
  const spares: PlannedSpare[] = [];
  const problems = elements.flatMap(({ value, problem }) => {
    if (value === undefined) return problem === undefined ? [] : [problem];
    const { name, pool, virtualRouterId } = value;
    if (!pools.has(pool)) return [`instance ${name} is of the pool ${pool}, which the plan does not have`];
    const conflict = claims.claim([`instance ${name}`, `router id ${virtualRouterId}`], name);
    if (conflict !== undefined) return [`the plan has the ${conflict.key} twice; ${conflict.owner} has it`];
    spares.push(value);
    return [];
  });
  return { spares, problems };
}

/** Accepts what goes to lo, entry by entry; one that is wrong goes on as it was, as long as it is in nobody's way. */
function acceptLoopback(
  elements: readonly Element<PlannedLoopback>[],
  { pools, claims }: { readonly pools: ReadonlyMap<string, PlannedPool>; readonly claims: Claims },
  before: readonly PlannedLoopback[],
) {
  const accepted: PlannedLoopback[] = [];
  const accept = (entry: PlannedLoopback): string | undefined => {
    const { name, pool, addresses } = entry;
    if (!pools.has(pool)) return `loopback ${name} is of the pool ${pool}, which the plan does not have`;
    const conflict = claims.claim([`loopback ${name}`, ...addressClaims(addresses)], name);
    if (conflict !== undefined) return `the plan has the ${conflict.key} twice; ${conflict.owner} has it`;
    accepted.push(entry);
    return undefined;
  };
  const problems = elements.flatMap(({ value, problem }) => {
    const refused = value === undefined ? problem : accept(value);
    return refused === undefined ? [] : [refused];
  });
  const wrong = new Set(elements.filter(({ value }) => value === undefined).map(({ name }) => name));
  for (const entry of before) if (wrong.has(entry.name)) accept(entry);
  return { loopback: accepted, problems };
}

/** An instance of a pool that is left out needs no sentence of its own. */
function ofLeftOut(elements: readonly Element<PlannedPool>[], pools: ReadonlyMap<string, PlannedPool>) {
  const left = new Set(elements.map(({ name }) => name).filter((name) => name !== undefined && !pools.has(name)));
  return ({ value }: Element<{ readonly pool: string }>) => value !== undefined && left.has(value.pool);
}

/**
 * Reads the spec of a NodePlan as the API serves it. What of it cannot be carried out harms nothing else: a pool or an instance that is
 * wrong goes on as it was before, or is left out when nothing was. Pure.
 * @param spec anything
 * @param before the plan in force
 */
export function readPlan(spec: unknown, before: NodePlanSpec | null = null): ReadPlan {
  const outline = outlineSchema.safeParse(spec);
  if (!outline.success) {
    const [issue] = outline.error.issues;
    return { ok: false, reason: issue === undefined ? 'it cannot be read' : `spec.${issueText(issue)}` };
  }
  const { plan, ...lists } = outline.data;
  const readPools = read('pool', plannedPoolSchema, lists.pools);
  const { pools, problems } = acceptPools(readPools, before?.pools ?? []);
  const leftOut = ofLeftOut(readPools, pools);
  const readInstances = read('instance', plannedInstanceSchema, lists.instances).filter((each) => !leftOut(each));
  const readApart = read('instance', plannedApartSchema, lists.apart ?? []).filter((each) => !leftOut(each));
  const accepted = acceptInstances([...readInstances, ...readApart], pools, instancesBefore(before));
  const { claims } = accepted;
  const readSpares = read('spare', plannedSpareSchema, lists.spares ?? []).filter((each) => !leftOut(each));
  const { spares, ...less } = acceptSpares(readSpares, { pools, claims });
  const readLoopback = read('loopback', plannedLoopbackSchema, lists.loopback ?? []).filter((each) => !leftOut(each));
  const { loopback, ...more } = acceptLoopback(readLoopback, { pools, claims }, before?.loopback ?? []);
  return {
    ok: true,
    plan: {
      ...{ plan, pools: [...pools.values()] },
      ...byGroup(accepted.instances, lists.apart !== undefined),
      ...(lists.spares === undefined ? {} : { spares }),
      ...(lists.loopback === undefined ? {} : { loopback }),
    },
    problems: [...problems, ...accepted.problems, ...less.problems, ...more.problems],
  };
}

/** What a cached document says of the plan: null that there is none, undefined that nothing is known. */
export function readCachedPlan(document: unknown): NodePlanSpec | null | undefined {
  if (document === null) return null;
  const cached = readPlan(document);
  return cached.ok ? cached.plan : undefined;
}
