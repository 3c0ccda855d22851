import { canonical } from '../../common/addresses.ts';
import type { DesiredInstance } from '../desired/desired.ts';

function isSameRouter({ vrrp: a }: DesiredInstance, { vrrp: b }: DesiredInstance): boolean {
  if (a.virtualRouterId !== b.virtualRouterId) return false;
  const addresses = new Set(a.addresses.map((text) => canonical(text)));
  return b.addresses.some((text) => addresses.has(canonical(text)));
}

/**
 * Finds instances that go on under another name: the same router id with an address of before. To keepalived they are one and the same
 * (`vrrp_exist` in its vrrp.c), which stays what it was when it reads its configuration again. Pure.
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
