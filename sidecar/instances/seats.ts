import type { VrrpState } from '../keepalived/notify.ts';

/*
 * Seats: VRRP instances without addresses that elect who has addresses on lo. A node that is master of one has them, and to be master of a
 * second brings nothing: it lets others have that. See docs/adr/0076-a-seat-for-each-replica.md. Pure.
 */

/** An instance that is a seat, as this node runs it. */
export interface Seat {
  readonly name: string;
  /** Name of what is on lo of those who have such a seat. */
  readonly elects: string;
  /** Place of the node in the order of preference, 0 is first. */
  readonly rank: number;
  readonly state: VrrpState | 'UNKNOWN';
}

function seatsFor(seats: readonly Seat[], elects: string): Seat[] {
  return seats.filter((seat) => seat.elects === elects);
}

/** Whether the node has a seat; undefined where that is not known yet. */
export function isElected(seats: readonly Seat[], elects: string): boolean | undefined {
  const own = seatsFor(seats, elects);
  if (own.some(({ state }) => state === 'MASTER')) return true;
  return own.some(isUnknown) ? undefined : false;
}

/** Whether it is not known yet who is master: no address shows it, and keepalived has not said anything. */
export function isUnknown({ state }: Pick<Seat, 'state'>): boolean {
  return state === 'UNKNOWN';
}

/** The names of seats that the node leaves to others: all but one, as soon as it has one. It keeps the one that it is preferred for. */
export function yieldedSeats(seats: readonly Seat[], elects: string): Set<string> {
  const own = seatsFor(seats, elects);
  const [kept] = own.filter(({ state }) => state === 'MASTER').toSorted((a, b) => a.rank - b.rank);
  return new Set(kept === undefined ? [] : own.map(({ name }) => name).filter((name) => name !== kept.name));
}
