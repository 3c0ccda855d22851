import { HEALTH_CHECK_DEFAULTS } from '../../../api/defaults.ts';
import { addressOfHost, VIRTUAL_TARGET } from '../../../api/hosts.ts';
import { type HealthCheck, holdingInstances, type NodePlanSpec, type PlannedPool } from '../../../api/node-plan.ts';
import { bracketed, canonical } from '../../../common/addresses.ts';
import type { CheckSpec, ServiceSettings } from '../../checks/check-spec.ts';

const { host: HERE, path: PATH, scheme: SCHEME, ...TIMING } = HEALTH_CHECK_DEFAULTS;
type Timing = { -readonly [K in keyof typeof TIMING]: number };

function authority(host: string | undefined, port: number): string {
  const given = host === undefined || host === '' ? HERE : host;
  return `${bracketed(given)}:${port}`;
}

function urlOf({ httpGet, tcpSocket }: HealthCheck): string {
  if (httpGet !== undefined) {
    const { host, port, path, scheme } = httpGet;
    return `${(scheme ?? SCHEME).toLowerCase()}://${authority(host, port)}${path ?? PATH}`;
  }
  if (tcpSocket !== undefined) return `tcp://${authority(tcpSocket.host, tcpSocket.port)}`;
  throw new TypeError('a health check has neither httpGet nor tcpSocket');
}

/**
 * A pool's health check as the node's service check has it. Pure.
 * @param tripwire whether a connection is held to the port, as the settings of the release have it
 * @throws TypeError for one without httpGet and tcpSocket, or with a host of which no URL can be made
 */
export function serviceSettingsOf(check: HealthCheck, tripwire: boolean): ServiceSettings {
  const timing: Timing = { ...TIMING, ...definedOnly(check) };
  const url = urlOf(check);
  if (!URL.canParse(url)) throw new TypeError(`${url} is not a URL; correct the health check's host`);
  return {
    url,
    intervalSeconds: timing.periodSeconds,
    timeoutSeconds: timing.timeoutSeconds,
    failureThreshold: timing.failureThreshold,
    successThreshold: timing.successThreshold,
    expectedStatuses: [200],
    host: check.httpGet?.httpHeaders?.find(({ name }) => name === 'Host')?.value ?? '',
    caFile: '',
    tripwire: { enabled: tripwire, ports: [] },
  };
}

function definedOnly(check: HealthCheck): Partial<Timing> {
  return Object.fromEntries(Object.entries(check).filter(([key, value]) => key in TIMING && value !== undefined));
}

/**
 * What the pools of a plan need checked besides what the node checks anyway. Pure.
 * @param node the node's own service check
 * @returns settings by the pool's name; pools for which the node's own check stands are left out
 */
export function poolServices(pools: readonly PlannedPool[], node: ServiceSettings): Map<string, ServiceSettings> {
  const own = JSON.stringify(node);
  return new Map(
    pools.flatMap(({ name, healthCheck }) => {
      if (healthCheck === undefined) return [];
      const settings = serviceSettingsOf(healthCheck, node.tripwire.enabled);
      return JSON.stringify(settings) === own ? [] : [[name, settings] as const];
    }),
  );
}

/** The checks of pools: by their keys, and the key of each pool's. */
export interface PoolChecks {
  readonly specs: ReadonlyMap<string, CheckSpec>;
  /** By the pool's name; pools for which the node's own check stands are left out. */
  readonly keys: ReadonlyMap<string, string>;
}

/** The checks that the pools of a plan need besides the node's own: one for all that ask for the same, see {@link poolServices}. Pure. */
export function poolChecks(pools: readonly PlannedPool[], node: ServiceSettings): PoolChecks {
  const services = poolServices(pools, node);
  const keyOf = (settings: ServiceSettings) => `service ${JSON.stringify(settings)}`;
  return {
    specs: new Map(
      Array.from(services.values(), (settings) => [keyOf(settings), { kind: 'service', settings, ca: undefined }]),
    ),
    keys: new Map(Array.from(services, ([pool, settings]) => [pool, keyOf(settings)])),
  };
}

/**
 * Why the node's own service check says nothing of pools: it asks at an address of one. Settings cannot know what pools have. Pure.
 * @param url of the node's service check
 */
export function virtualTargetProblem(url: string, plan: NodePlanSpec | null): string | undefined {
  const address = URL.canParse(url) ? addressOfHost(new URL(url).hostname) : undefined;
  if (address === undefined) return undefined;
  const found = [...(plan === null ? [] : holdingInstances(plan)), ...(plan?.loopback ?? [])].find(({ addresses }) =>
    addresses.some((text) => canonical(text) === address),
  );
  return found && `checks.service.url (keepalived.checkServiceUrl): ${address} of pool ${found.pool} ${VIRTUAL_TARGET}`;
}
