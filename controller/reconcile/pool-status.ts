import type { Condition } from '../../api/conditions.ts';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import {
  type AddressStatus,
  isOnLo,
  type PoolServicesStatus,
  type VirtualIpPool,
  type VirtualIpPoolStatus,
} from '../../api/virtual-ip-pool.ts';
import { canonical } from '../../common/addresses.ts';
import type { DemandPlan, ProblemKind } from '../plan/types.ts';
import type { Outside } from '../services/outside-pool.ts';
import { count, few } from '../text/sentences.ts';
import { type Announcement, announcementOf, FEWER_ANNOUNCE } from './announcement.ts';
import { conditionOf } from './conditions.ts';
import type { Claim } from './holders.ts';

/** A node that takes part in a pool, and what it says. */
export interface PlannedNode {
  readonly name: string;
  /** Identifies what it is to do. */
  readonly plan: string;
  readonly status: NodePlanStatus | undefined;
}

/** What is known of a pool as one that gives addresses to Services. */
export interface ServedServices {
  readonly figures: PoolServicesStatus;
  /** What is wrong with its ranges, in sentences that begin with the field. */
  readonly rangeProblems: readonly string[];
  /** Absent: that is not known yet, and what was said last stays said. */
  readonly hints?: PoolHints;
}

/** What people are told of a pool besides. */
export interface PoolHints {
  /** Addresses that Services have of it though it would not give them any more, and why. */
  readonly outside: readonly { readonly address: string; readonly outside: Outside }[];
  /** Older pools that give addresses of its ranges, each with one of them. */
  readonly overlaps: readonly { readonly pool: string; readonly address: string }[];
}

/** What a pool's status is made from. */
export interface StatusInput {
  readonly pool: VirtualIpPool;
  /** Also of the addresses that Services have of it. */
  readonly plan: DemandPlan;
  /** Of those that are placed by themselves. Absent: there are none. */
  readonly parts?: readonly DemandPlan[];
  /** Absent: Services are not served, or not all is known of them yet. */
  readonly services?: ServedServices | undefined;
  /** The nodes whose plan has one of its instances. */
  readonly nodes: readonly PlannedNode[];
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** For conditions that change now. */
  readonly now: string;
}

/** Holders of one address that are named: with every name as long as can be, the status of 1024 addresses stays below 1.5 MiB. */
const NAMED_HOLDERS = 4;

/** Conditions that are there only where something is to be said. */
const HINTS = ['OutsidePool', 'RangesOverlap'] as const;

interface Verdict {
  readonly type: 'Configured' | 'Available' | 'Announced' | 'Ready' | (typeof HINTS)[number];
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Who has an address, and since when the last of them does. Where every fit node has it, not all of them may be named. */
function heldStatus(address: string, claims: readonly Claim[], everywhere: boolean): AddressStatus {
  const since = claims.at(-1)?.since;
  return {
    address,
    holders: claims.slice(0, NAMED_HOLDERS).map(({ node }) => node),
    ...(everywhere ? { holderCount: claims.length } : {}),
    ...(since === undefined ? {} : { since }),
  };
}

/** Whether as many nodes have it as there should be: one, or as many as are fit where all may have it. */
function isHeld({ holders, holderCount }: AddressStatus): boolean {
  return holderCount === undefined ? holders.length === 1 : holderCount > 0;
}

/** @param wished as somebody wrote them */
function addressStatuses({ plan, holders }: StatusInput, wished: readonly string[]): AddressStatus[] {
  const first = new Map(plan.groups.map(({ slot, nodes }) => [slot, nodes[0]]));
  const planned = new Map(plan.addresses.map((address) => [address.given, address]));
  return wished.map((given) => {
    const address = given.split('/')[0] ?? given;
    const known = planned.get(given);
    // Refused: whoever holds it does so for another.
    if (known === undefined) return { address, holders: [] };
    const held = heldStatus(address, holders.get(known.address) ?? [], plan.everywhere === true);
    const plannedNode = known.slot === undefined ? undefined : first.get(known.slot);
    return plannedNode === undefined ? held : { ...held, plannedNode };
  });
}

/** Addresses that Services have of the pool, as the plan was given them. */
function ofServices({ pool, plan }: StatusInput): string[] {
  const listed = new Set(pool.spec.addresses);
  const wished = [...plan.addresses.map(({ given }) => given), ...plan.refused.map(({ address }) => address)];
  return wished.filter((given) => !listed.has(given));
}

/** All that is planned of the pool. */
function plansOf({ plan, parts = [] }: StatusInput): DemandPlan[] {
  return [plan, ...parts];
}

/** Whether the pool has addresses for Services, and no Service has one: nodes have nothing to hold. */
function isIdle(input: StatusInput): boolean {
  const plans = plansOf(input);
  return (
    input.pool.spec.ranges !== undefined &&
    plans.every(({ addresses, refused: none }) => addresses.length === 0 && none.length === 0)
  );
}

function idle(type: Verdict['type']): Verdict {
  return { type, ok: true, reason: 'NoAddressYet', message: 'no Service has an address of the pool yet' };
}

/** What nodes leave out of their plan although they carry it out otherwise; a sidecar says of which pool or instance it speaks. */
function leftOut(input: StatusInput): string[] {
  const names = plansOf(input)
    .map(({ name }) => name)
    .join('|');
  const own = new RegExp(`^(pool (${names}):|instance (${names})-[0-9]+[: ])`);
  return input.nodes.flatMap(({ name, status }) =>
    (status?.problems ?? []).filter((problem) => own.test(problem)).map((problem) => `${name}: ${problem}`),
  );
}

function configured(input: StatusInput): Verdict {
  const { plan, nodes } = input;
  const type = 'Configured';
  const troubled = nodes.flatMap(({ name, status }) =>
    (status?.problems ?? []).map((problem) => `${name}: ${problem}`),
  );
  if (isIdle(input)) return idle(type);
  const behind = nodes.filter((node) => node.status?.observedPlan !== node.plan).map(({ name }) => name);
  if (nodes.length === 0) {
    return { type, ok: false, reason: 'NoEligibleNode', message: noNodeMessage(plan) };
  }
  if (behind.length > 0) {
    const [first] = troubled;
    return {
      type,
      ok: false,
      reason: first === undefined ? 'NodesPending' : 'NodeProblem',
      message: `${behind.length} of ${count(nodes.length, 'node')} do not carry out the plan yet: ${few(behind)}${first === undefined ? '' : `; ${first}`}`,
    };
  }
  const left = leftOut(input);
  if (left.length > 0) return { type, ok: false, reason: 'NodeProblem', message: few(left) };
  const pending = plansOf(input).flatMap((each) => each.pending);
  if (pending.length > 0) {
    const moving = pending.map(({ instance, node, state }) => `${node} ${state} ${instance}`);
    return { type, ok: false, reason: 'HandingOver', message: `nodes are changing places: ${few(moving)}` };
  }
  return { type, ok: true, reason: 'PlanCarriedOut', message: `${count(nodes.length, 'node')} carry out the plan` };
}

function noNodeMessage({ problems }: DemandPlan): string {
  const reasons = problems.filter(({ kind }) => kind === 'NoEligibleNode' || kind === 'NodesWithoutAgent');
  return reasons.length === 0 ? 'no node may hold the addresses' : reasons.map(({ message }) => message).join('; ');
}

/** By how many nodes, where every fit node has an address. */
function heldBy(statuses: readonly AddressStatus[]): string {
  const counts = statuses.map(({ holders, holderCount = holders.length }) => holderCount);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? `each by ${count(least, 'node')}` : `each by ${least} to ${most} nodes`;
}

function available(input: StatusInput, statuses: readonly AddressStatus[]): Verdict {
  const type = 'Available';
  if (isIdle(input)) return idle(type);
  const planned = new Set(plansOf(input).flatMap(({ addresses }) => addresses.map(({ address }) => address)));
  const expected = statuses.filter(({ address }) => planned.has(canonical(address)));
  const several = expected.filter(({ holders, holderCount }) => holderCount === undefined && holders.length > 1);
  const none = expected.filter(({ holders }) => holders.length === 0).map(({ address }) => address);
  if (expected.length === 0)
    return { type, ok: false, reason: 'NoAddress', message: 'no address of the pool can be planned' };
  if (several.length > 0) {
    const who = several.map(({ address, holders }) => `${address} by ${holders.join(' and ')}`);
    return { type, ok: false, reason: 'SeveralHolders', message: `held by more than one node: ${few(who)}` };
  }
  if (none.length > 0) {
    const message = `${none.length} of ${count(expected.length, 'address', 'addresses')} held by no node: ${few(none)}`;
    return { type, ok: false, reason: 'AddressesNotHeld', message };
  }
  const by = expected.some(({ holderCount }) => holderCount !== undefined) ? heldBy(expected) : 'each by one node';
  const message = `${count(expected.length, 'address', 'addresses')} held, ${by}`;
  return { type, ok: true, reason: 'AllAddressesHeld', message };
}

/** Whether routers hear of the addresses; nothing is said where no node announces any. */
function announced(input: StatusInput): (Verdict & Announcement)[] {
  const { pool, nodes, holders } = input;
  if (!isOnLo(pool.spec)) return [];
  const addresses = plansOf(input).flatMap((plan) => plan.addresses.map(({ address }) => address));
  const announcement = announcementOf({ addresses, nodes, holders });
  return announcement === undefined ? [] : [{ ...announcement, type: 'Announced' }];
}

/** Problems for which a pool is not Ready, though nodes hold its addresses. */
const NOT_READY: ReadonlySet<ProblemKind> = new Set(['OnLinkAddress', 'TooManyAddresses']);

/** Why a pool is not Ready by what was asked of it; undefined: nothing is wrong with that. */
function refused(input: StatusInput): Pick<Verdict, 'reason' | 'message'> | undefined {
  const reasons = plansOf(input).flatMap((plan) => plan.refused.map(({ reason }) => reason));
  if (reasons.length > 0) return { reason: 'AddressesRefused', message: few([...new Set(reasons)]) };
  const onLink = plansOf(input).flatMap(({ problems: found }) => found.filter(({ kind }) => NOT_READY.has(kind)));
  const [first] = onLink;
  if (first !== undefined) return { reason: first.kind, message: first.message };
  const problems = input.services?.rangeProblems ?? [];
  return problems.length === 0 ? undefined : { reason: 'RangesRefused', message: few(problems) };
}

function ready(input: StatusInput, others: readonly Verdict[]): Verdict {
  const { plan } = input;
  const type = 'Ready';
  if (plan.eligibleNodes.length === 0) {
    return { type, ok: false, reason: 'NoEligibleNode', message: noNodeMessage(plan) };
  }
  const wrong = refused(input);
  if (wrong !== undefined) return { type, ok: false, ...wrong };
  const failed = others.find(({ ok }) => !ok);
  if (failed !== undefined) return { ...failed, type };
  const fewer = others.filter(({ reason }) => reason === FEWER_ANNOUNCE);
  const [hint] = [
    ...plansOf(input).flatMap(({ problems }) => problems),
    ...fewer.map(({ reason, message }) => ({ kind: reason, message })),
  ];
  if (hint === undefined && isIdle(input)) return idle(type);
  const message =
    hint === undefined ? 'every address is where it should be' : `every address is held, but ${hint.message}`;
  return { type, ok: true, reason: hint?.kind ?? 'AllWell', message };
}

function condition({ type, ok, reason, message }: Verdict, { pool, now }: StatusInput) {
  return conditionOf({ type, status: ok ? 'True' : 'False', reason, message }, pool, now);
}

function outsidePool({ outside }: PoolHints): Verdict[] {
  const [first] = outside;
  if (first === undefined) return [];
  const addresses = few(outside.map(({ address }) => address));
  const message = `Services keep ${addresses}, which the pool does not give any more: ${first.outside.message}`;
  return [{ type: 'OutsidePool', ok: true, reason: first.outside.reason, message }];
}

function rangesOverlap({ overlaps }: PoolHints): Verdict[] {
  if (overlaps.length === 0) return [];
  const which = few(overlaps.map(({ pool, address }) => `"${pool}" (${address})`));
  const message = `older pools give addresses of spec.ranges, which this one does not give: ${which}; take them out of one of the two`;
  return [{ type: 'RangesOverlap', ok: true, reason: 'OlderPoolGives', message }];
}

/** Each is said only where it is so, as of claims. */
function hintConditions(input: StatusInput): Condition[] {
  const { services, pool } = input;
  if (services === undefined) return [];
  const { hints } = services;
  if (hints !== undefined)
    return [...outsidePool(hints), ...rangesOverlap(hints)].map((each) => condition(each, input));
  return (pool.status?.conditions ?? []).filter(({ type }) => HINTS.some((hint) => hint === type));
}

/** Sums up what is, for people and for `kubectl wait`. */
export function poolStatus(input: StatusInput): VirtualIpPoolStatus {
  const { pool, plan, parts = [], services } = input;
  const addresses = addressStatuses(input, pool.spec.addresses ?? []);
  // Who has an address of a Service is in its ServiceAddress: thousands of them would make the status too large.
  const apart = parts.flatMap((part) => {
    const given = part.addresses.map((address) => address.given);
    return addressStatuses({ ...input, plan: part }, given);
  });
  const all = [...addresses, ...addressStatuses(input, ofServices(input)), ...apart];
  const verdicts = [configured(input), available(input, all), ...announced(input)];
  const said = [...verdicts, ready(input, verdicts)];
  const { generation } = pool.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: [...said.map((verdict) => condition(verdict, input)), ...hintConditions(input)],
    addressCount: all.length,
    heldCount: all.filter(isHeld).length,
    ...(services === undefined ? {} : { services: services.figures }),
    eligibleNodes: plan.eligibleNodes.length,
    groups: plan.groups.map((group) => ({ ...group, addresses: [...group.addresses], nodes: [...group.nodes] })),
    addresses,
  };
}
