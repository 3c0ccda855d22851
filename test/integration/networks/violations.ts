import type { AddressWatch } from '../../support/address-watch.ts';
import { monotonicMs } from '../../support/clock.ts';
import { courseOf, spells } from '../../support/holdings.ts';

/** Tells a moment (ms of CLOCK_MONOTONIC) by what was being done. */
type When = (atMs: number) => string;

/**
 * What nobody may ever see: two holders for longer than a take-over takes, or the address on another interface than its own.
 * @param watch what was seen since its start
 * @param when tells a moment by what was being done
 */
export function violationsOf(
  watch: AddressWatch,
  address: string,
  nic: string,
  limitMs: (fromMs: number, toMs: number) => number,
  when: When,
): string[] {
  const changes = watch.changes(address);
  const doubled = spells(changes, monotonicMs(), (holders) => holders > 1).filter(
    ({ fromMs, toMs }) => toMs - fromMs > limitMs(fromMs, toMs),
  );
  const strays = changes.filter(({ interface: on, added }) => added && on !== nic);
  return [
    ...doubled.map(({ fromMs, toMs, nodes }) => {
      const took = `${((toMs - fromMs) / 1000).toFixed(1)} s`;
      const span = `from ${when(fromMs)} to ${when(toMs)}`;
      return `${address}: ${nodes.join(' and ')} had it for ${took}, ${span} (${courseOf(changes, fromMs, toMs)})`;
    }),
    ...strays.map(
      ({ node, interface: on, atMs }) => `${address}: ${node} had it on ${on} instead of ${nic}, from ${when(atMs)}`,
    ),
  ];
}
