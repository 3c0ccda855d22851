import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { SHARE } from '../services/annotations.ts';
import { labelsOf, type ManifestObject } from './documents.ts';
import { readRanges, type Translation } from './pool.ts';

/*
 * The ConfigMap of kube-vip's cloud provider (https://kube-vip.io/docs/usage/cloud-provider/): a key for each namespace, and one for all.
 */

const NAME = 'kubevip';
const GLOBAL = 'global';
/** By which kube-vip asks a DHCP server. */
const OF_DHCP: ReadonlySet<string> = new Set(['0.0.0.0', '0.0.0.0/32', '::', '::/128']);
/** A pool for one namespace comes before the one for all. */
const FIRST = 10;
const KEY = /^(cidr|range|interface|allow-share)-(.+)$/;
/** Keys of the whole ConfigMap that say nothing that a pool must say. */
const SKIP_ENDS = 'skip-end-ips-in-cidr';
const SEARCH_ORDER = 'search-order';

/** Whether an object is the ConfigMap of kube-vip's pools. Pure. */
export function isKubeVip({ kind, name }: ManifestObject): boolean {
  return kind === 'ConfigMap' && name === NAME;
}

type Keys = Readonly<Partial<Record<'cidr' | 'range' | 'interface' | 'allow-share', string>>>;

function keysByPlace(data: Readonly<Record<string, string>>): Map<string, Keys> {
  const byPlace = new Map<string, Keys>();
  for (const [key, value] of Object.entries(data)) {
    const [, what, place = ''] = KEY.exec(key) ?? [];
    if (what !== undefined) byPlace.set(place, { ...byPlace.get(place), [what]: value });
  }
  return byPlace;
}

function poolOf(place: string, keys: Keys, skipsEnds: boolean) {
  const what = `ConfigMap ${NAME}: ${place}`;
  const texts = [keys.cidr, keys.range].flatMap((value) => (value ?? '').split(',')).map((each) => each.trim());
  const given = texts.filter((each) => each !== '');
  const isOfDhcp = given.some((each) => OF_DHCP.has(each));
  const { ranges, warnings } = readRanges(
    given.filter((each) => !OF_DHCP.has(each)),
    what,
  );
  const spec: VirtualIpPoolSpec = {
    ranges,
    ...(skipsEnds ? {} : { avoidNetworkAndBroadcast: false }),
    services: {
      ...(place === GLOBAL ? {} : { namespaces: [place], priority: FIRST }),
      ...(keys['allow-share'] === 'true' ? {} : { sharing: 'Never' }),
    },
    ...(keys.interface === undefined || keys.interface === '' ? {} : { interface: keys.interface }),
  };
  const shares =
    keys['allow-share'] === 'true'
      ? [`${what}: Services that share an address need the annotation ${SHARE.own} with one key here`]
      : [];
  const dhcp = isOfDhcp ? [`${what}: addresses of DHCP are not served; give the pool a range`] : [];
  return { name: `kube-vip-${place}`, spec, warnings: [...dhcp, ...shares, ...warnings] };
}

function leftOut(data: Readonly<Record<string, string>>): string[] {
  const unknown = Object.keys(data).filter((key) => !KEY.test(key) && key !== SKIP_ENDS);
  return unknown.map((key) =>
    key === SEARCH_ORDER
      ? `ConfigMap ${NAME}: ${key} is left out, since which address a Service gets follows from its name`
      : `ConfigMap ${NAME}: ${key} is left out, since nothing here is like it`,
  );
}

/** Makes pools of kube-vip's ConfigMap. Pure. */
export function fromKubeVip(objects: readonly ManifestObject[]): Translation {
  const made = objects.map(({ content }) => {
    const data = labelsOf(content.data);
    const skipsEnds = data[SKIP_ENDS] === 'true';
    const all = [...keysByPlace(data)].map(([place, keys]) => poolOf(place, keys, skipsEnds));
    const pools = all.filter(({ spec }) => (spec.ranges ?? []).length > 0).map(({ name, spec }) => ({ name, spec }));
    const isShared = pools.some(({ spec }) => spec.services?.namespaces !== undefined) && pools.length > 1;
    const falls = isShared
      ? [
          `ConfigMap ${NAME}: a namespace whose pool is full gets addresses of kube-vip-${GLOBAL} here; set spec.services.fence of its pool if it must not`,
        ]
      : [];
    return { pools, warnings: [...all.flatMap(({ warnings }) => warnings), ...falls, ...leftOut(data)] };
  });
  return { pools: made.flatMap(({ pools }) => pools), warnings: made.flatMap(({ warnings }) => warnings) };
}
