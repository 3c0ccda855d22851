import type { NodePlanStatus } from '../../api/node-plan.ts';
import type { AddressStatus, VirtualIpPool, VirtualIpPoolStatus } from '../../api/virtual-ip-pool.ts';
import { canonical } from '../../common/addresses.ts';
import type { DemandPlan } from '../plan/types.ts';
import { count, few } from '../text/sentences.ts';
import { conditionOf } from './conditions.ts';
import type { Claim } from './holders.ts';

/** A node that takes part in a pool, and what it says. */
export interface PlannedNode {
  readonly name: string;
  /** Identifies what it is to do. */
  readonly plan: string;
  readonly status: NodePlanStatus | undefined;
}

/** What a pool's status is made from. */
export interface StatusInput {
  readonly pool: VirtualIpPool;
  readonly plan: DemandPlan;
  /** The nodes whose plan has one of its instances. */
  readonly nodes: readonly PlannedNode[];
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** For conditions that change now. */
  readonly now: string;
}

/** Holders of one address that are named: with every name as long as can be, the status of 1024 addresses stays below 1.5 MiB. */
const NAMED_HOLDERS = 4;

interface Verdict {
  readonly type: 'Configured' | 'Available' | 'Ready';
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

function addressStatuses({ pool, plan, holders }: StatusInput): AddressStatus[] {
  const first = new Map(plan.groups.map(({ slot, nodes }) => [slot, nodes[0]]));
  const planned = new Map(plan.addresses.map((address) => [address.given, address]));
  return pool.spec.addresses.map((given) => {
    const address = given.split('/')[0] ?? given;
    const known = planned.get(given);
    // Refused: whoever holds it does so for another.
    if (known === undefined) return { address, holders: [] };
    const plannedNode = known.slot === undefined ? undefined : first.get(known.slot);
    const claims = holders.get(known.address) ?? [];
    const since = claims.at(-1)?.since;
    return {
      address,
      ...(plannedNode === undefined ? {} : { plannedNode }),
      holders: claims.slice(0, NAMED_HOLDERS).map(({ node }) => node),
      ...(since === undefined ? {} : { since }),
    };
  });
}

/** What nodes leave out of their plan although they carry it out otherwise; a sidecar says of which pool or instance it speaks. */
function leftOut({ plan, nodes }: StatusInput): string[] {
  const own = new RegExp(`^(pool ${plan.name}:|instance ${plan.name}-[0-9]+[: ])`);
  return nodes.flatMap(({ name, status }) =>
    (status?.problems ?? []).filter((problem) => own.test(problem)).map((problem) => `${name}: ${problem}`),
  );
}

function configured(input: StatusInput): Verdict {
  const { plan, nodes } = input;
  const type = 'Configured';
  const troubled = nodes.flatMap(({ name, status }) =>
    (status?.problems ?? []).map((problem) => `${name}: ${problem}`),
  );
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
  if (plan.pending.length > 0) {
    const moving = plan.pending.map(({ instance, node, state }) => `${node} ${state} ${instance}`);
    return { type, ok: false, reason: 'HandingOver', message: `nodes are changing places: ${few(moving)}` };
  }
  return { type, ok: true, reason: 'PlanCarriedOut', message: `${count(nodes.length, 'node')} carry out the plan` };
}

function noNodeMessage({ problems }: DemandPlan): string {
  const reasons = problems.filter(({ kind }) => kind === 'NoEligibleNode' || kind === 'NodesWithoutAgent');
  return reasons.length === 0 ? 'no node may hold the addresses' : reasons.map(({ message }) => message).join('; ');
}

function available(statuses: readonly AddressStatus[], planned: ReadonlySet<string>): Verdict {
  const type = 'Available';
  const expected = statuses.filter(({ address }) => planned.has(canonical(address)));
  const several = expected.filter(({ holders }) => holders.length > 1);
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
  const message = `${count(expected.length, 'address', 'addresses')} held, each by one node`;
  return { type, ok: true, reason: 'AllAddressesHeld', message };
}

function ready({ plan }: StatusInput, others: readonly Verdict[]): Verdict {
  const type = 'Ready';
  if (plan.eligibleNodes.length === 0) {
    return { type, ok: false, reason: 'NoEligibleNode', message: noNodeMessage(plan) };
  }
  if (plan.refused.length > 0) {
    const message = few([...new Set(plan.refused.map(({ reason }) => reason))]);
    return { type, ok: false, reason: 'AddressesRefused', message };
  }
  const failed = others.find(({ ok }) => !ok);
  if (failed !== undefined) return { ...failed, type };
  const [hint] = plan.problems;
  const message =
    hint === undefined ? 'every address is where it should be' : `every address is held, but ${hint.message}`;
  return { type, ok: true, reason: hint?.kind ?? 'AllWell', message };
}

function condition({ type, ok, reason, message }: Verdict, { pool, now }: StatusInput) {
  return conditionOf({ type, status: ok ? 'True' : 'False', reason, message }, pool, now);
}

/** Sums up what is, for people and for `kubectl wait`. */
export function poolStatus(input: StatusInput): VirtualIpPoolStatus {
  const { pool, plan } = input;
  const addresses = addressStatuses(input);
  const planned = new Set(plan.addresses.map(({ address }) => address));
  const verdicts = [configured(input), available(addresses, planned)];
  const { generation } = pool.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: [...verdicts, ready(input, verdicts)].map((verdict) => condition(verdict, input)),
    addressCount: addresses.length,
    heldCount: addresses.filter(({ holders }) => holders.length === 1).length,
    eligibleNodes: plan.eligibleNodes.length,
    groups: plan.groups.map((group) => ({ ...group, addresses: [...group.addresses], nodes: [...group.nodes] })),
    addresses,
  };
}
