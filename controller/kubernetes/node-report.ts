import { BANDS, WORST_BAND } from '../../api/bands.ts';
import { ROUTER_IDS } from '../../api/instances.ts';
import { IP_FAMILIES } from '../../api/ip-family.ts';
import { type NodePlanStatus, REPORT_LIMITS } from '../../api/node-plan.ts';
import { oneLine } from '../../api/text.ts';
import { parseAddress } from '../../common/addresses.ts';

/*
 * A node's report as the controller reads it. The API server checks reports by the definition, but it may have one of an older release,
 * which let pass anything; and what is wrong in one report must harm no sum of all. So everything that is not as it should be is left out
 * or cut here, before it is kept.
 */

type Fields = Readonly<Record<string, unknown>>;

const MAX_POOLS = ROUTER_IDS.most;
const POOL_LENGTH = 63;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

/** The first so many of a list that can be read, each thing once. */
function listOf<T>(
  value: unknown,
  limit: number,
  read: (item: unknown) => readonly [key: unknown, item: T] | undefined,
) {
  const found = new Map<unknown, T>();
  for (const each of Array.isArray(value) ? value : []) {
    if (found.size >= limit) break;
    const [key, item] = read(each) ?? [];
    if (item !== undefined && !found.has(key)) found.set(key, item);
  }
  return [...found.values()];
}

function heldOf(value: unknown) {
  const { address, since } = fieldsOf(value);
  if (typeof address !== 'string' || typeof since !== 'string') return undefined;
  const parsed = address.includes('/') ? undefined : parseAddress(address);
  if (parsed === undefined || Number.isNaN(Date.parse(since))) return undefined;
  return [parsed.address, { address: parsed.address, since }] as const;
}

function healthOf(value: unknown) {
  const { pool, band, reason } = fieldsOf(value);
  if (typeof pool !== 'string' || pool.length > POOL_LENGTH) return undefined;
  if (!isNumber(band, BANDS.healthy, WORST_BAND)) return undefined;
  return [pool, { pool, band, reason: text(reason, REPORT_LIMITS.reason) ?? '' }] as const;
}

function isNumber(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function routerIdOf(value: unknown) {
  return isNumber(value, ROUTER_IDS.least, ROUTER_IDS.most) ? ([value, value] as const) : undefined;
}

function familyOf(value: unknown) {
  const family = IP_FAMILIES.find((each) => each === value);
  return family === undefined ? undefined : ([family, family] as const);
}

function problemOf(value: unknown) {
  const problem = text(value, REPORT_LIMITS.problem);
  return problem === undefined ? undefined : ([problem, problem] as const);
}

function subnetOf(value: unknown) {
  if (typeof value !== 'string') return undefined;
  const parsed = parseAddress(value);
  if (parsed === undefined || !value.includes('/')) return undefined;
  return [parsed.address, `${parsed.address}/${value.split('/')[1]}`] as const;
}

function text(value: unknown, limit: number): string | undefined {
  return typeof value === 'string' ? oneLine(value, limit) : undefined;
}

/** Leaves out empty lists, which say no more than their absence; not where the list answers a question. */
function filled<T>(name: string, list: readonly T[]): Record<string, readonly T[]> {
  return list.length === 0 ? {} : { [name]: list };
}

/**
 * Takes from a report what can be read of it, within {@link REPORT_LIMITS}. Pure.
 * @param status as the API server has it; undefined: the node has not reported
 */
export function readReport(status: unknown): NodePlanStatus | undefined {
  if (status === undefined || status === null) return undefined;
  const { agentVersion, observedPlan, held, health, foreignRouterIds, bgpFamilies, problems, addresses } =
    fieldsOf(status);
  const [version, plan] = [text(agentVersion, REPORT_LIMITS.version), text(observedPlan, REPORT_LIMITS.plan)];
  return {
    ...(version === undefined ? {} : { agentVersion: version }),
    ...(plan === undefined ? {} : { observedPlan: plan }),
    held: listOf(held, REPORT_LIMITS.held, heldOf),
    ...filled('health', listOf(health, MAX_POOLS, healthOf)),
    ...filled('foreignRouterIds', listOf(foreignRouterIds, ROUTER_IDS.most, routerIdOf)),
    ...(Array.isArray(bgpFamilies) ? { bgpFamilies: listOf(bgpFamilies, IP_FAMILIES.length, familyOf) } : {}),
    ...filled('problems', listOf(problems, REPORT_LIMITS.problems, problemOf)),
    ...(Array.isArray(addresses) ? { addresses: listOf(addresses, REPORT_LIMITS.addresses, subnetOf) } : {}),
  };
}
