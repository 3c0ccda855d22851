import { compareText } from '../../common/compare-text.ts';
import type { Entry, Ledger } from './ledger.ts';
import { published } from './published.ts';
import { listedOf, wantedCount } from './settle.ts';
import type { Asking } from './sharing.ts';

/** What of a family a Service has beyond what it asks for: what it names stays first, then what it publishes. */
function beyond(asking: Asking, family: Entry['family'], held: readonly Entry[]): Entry[] {
  const count = wantedCount(asking, family);
  const excess = held.filter((entry) => entry.family === family);
  if (excess.length <= count) return [];
  const order = [...listedOf(asking, family), ...published(asking.service)];
  const rank = ({ address }: Entry) => {
    const place = order.indexOf(address);
    return place < 0 ? order.length : place;
  };
  return excess.sort((a, b) => rank(a) - rank(b) || compareText(a.address, b.address)).slice(count);
}

/**
 * Addresses that a living Service gives up, by its own request alone: of a family that it does not have any more, or more than it asks for.
 * While its request cannot be read, only the former. Pure.
 */
export function surplusOf(ledger: Ledger, asking: Asking): Entry[] {
  const held = ledger.of(asking.owner.uid);
  const { families, problem } = asking.wish;
  if (held.length === 0) return [];
  const others = held.filter(({ family }) => !families.includes(family));
  if (problem !== undefined) return others;
  return [...others, ...families.flatMap((family) => beyond(asking, family, held))];
}
