import { canonical } from '../../common/addresses.ts';
import type { DesiredInstance, DesiredVrrp } from '../desired/desired.ts';

/** Whether both name an interface, and not the same one. Where one is found by subnet, it may be the one that the other names. */
function isOnOthers(a: DesiredVrrp, b: DesiredVrrp): boolean {
  return a.interface !== '' && b.interface !== '' && a.interface !== b.interface;
}

function isSameRouter({ vrrp: a }: DesiredInstance, { vrrp: b }: DesiredInstance): boolean {
  if (a.virtualRouterId !== b.virtualRouterId || isOnOthers(a, b) || a.multicastGroup !== b.multicastGroup)
    return false;
  if ((a.unicastPeers.length === 0) !== (b.unicastPeers.length === 0)) return false;
  const addresses = new Set(a.addresses.map((text) => canonical(text)));
  return b.addresses.some((text) => addresses.has(canonical(text)));
}

/**
 * Finds instances that go on under another name: the same router id with an address of before, on the same interface, and by
 * unicast or in the same multicast group as before. To keepalived they are one and the same (`vrrp_exist` in its vrrp.c), which stays what it
 * was when it reads its configuration again. Pure.
 * @param before those that were desired before, as they were
 * @param now those that are desired
 * @returns by the new name: the instance that it was
 */
export function heirsOf(
  before: readonly DesiredInstance[],
  now: readonly DesiredInstance[],
): ReadonlyMap<string, DesiredInstance> {
  const names = new Set(before.map(({ name }) => name));
  const byName = new Map(now.map((each) => [each.name, each]));
  const left = before.filter((each) => {
    const same = byName.get(each.name);
    return same === undefined || !isSameRouter(each, same);
  });
  return new Map(
    now.flatMap((heir) => {
      const former = names.has(heir.name) ? undefined : left.find((each) => isSameRouter(each, heir));
      return former === undefined ? [] : [[heir.name, former] as const];
    }),
  );
}
