import { adopt } from './adopt.ts';
import type { Sources } from './choose.ts';
import { claimChanges } from './claim-changes.ts';
import { externalVerdicts, placeExternal } from './external.ts';
import { FreeAddresses } from './free-addresses.ts';
import { verdictsOf } from './report.ts';
import { firstEnd, Retained } from './retained.ts';
import { type Lack, needsBoth, Settlement } from './settle.ts';
import type { Asking } from './sharing.ts';
import { surplusOf } from './surplus.ts';
import type { Allocation, AllocationInput, ExternalRefusal, Refusal } from './types.ts';
import { begin, giveUp, giveUpFields, oldestFirst, type Work } from './work.ts';

const NOTHING: ReadonlySet<string> = new Set();

function giveUpSurplus(work: Work): void {
  for (const asking of work.asking) {
    for (const entry of surplusOf(work.ledger, asking)) giveUp(work, entry, asking.owner);
  }
}

/** By uid: why Services get nothing before they have what they publish. */
type Awaited = ReadonlyMap<string, Refusal>;

function adoptAll(work: Work): Awaited {
  const { unavailable, onNodes } = work.input;
  const input = { ...work, unavailable, onNodes };
  const found = work.asking.map((asking) => [asking.owner.uid, adopt(input, asking)] as const);
  return new Map(found.flatMap(([uid, refusal]) => (refusal === undefined ? [] : [[uid, refusal] as const])));
}

/** Nothing new for a Service whose request cannot be read, that waits for what it publishes, or of whose namespace nothing is known. */
function hindered({ admission }: Work, { service, owner, wish }: Asking, awaited: Awaited): boolean {
  if (wish.problem !== undefined || awaited.has(owner.uid)) return true;
  return admission.unknownNamespace(service) !== undefined;
}

/** What could not be given. */
interface Settled {
  /** By uid. */
  readonly lacks: ReadonlyMap<string, readonly Lack[]>;
  /** By uid. */
  readonly refused: ReadonlyMap<string, readonly ExternalRefusal[]>;
}

/** Requests by name, those of spec.externalIPs among them, go before the rest, each oldest first. */
function settleAll(work: Work, awaited: Awaited): Settled {
  const { pools, admission, ledger, sharers, input, external } = work;
  const { unavailable } = input;
  const free = new FreeAddresses(ledger, pools, unavailable);
  const sources: Sources = { pools, admission, sharers, free, retained: new Retained(ledger, unavailable) };
  const requests = { pools, admission, sharers, ledger, unavailable };
  const settlement = new Settlement(sources, requests);
  const open = work.asking.filter((asking) => !hindered(work, asking, awaited) && !settlement.isSettled(asking));
  const naming = open.filter(({ wish }) => wish.listed.length > 0);
  const asked = new Set([...naming, ...external].flatMap(({ wish }) => wish.listed));
  const refused = new Map<string, ExternalRefusal[]>();
  for (const asking of [...naming, ...external].sort((a, b) => oldestFirst(a.service, b.service))) {
    if (asking.owner.by === undefined) settlement.settle(asking, { all: needsBoth(asking), avoid: asked });
    else refused.set(asking.owner.uid, placeExternal({ ...requests, settlement }, asking));
  }
  return { lacks: lacksAfter(settlement, returningFirst(open, sources.retained)), refused };
}

/** Those for whom an address waits go before the rest: else one that was never here could take it, though another would do. */
function returningFirst(open: readonly Asking[], retained: Retained): Asking[] {
  const [returning, others]: [Asking[], Asking[]] = [[], []];
  for (const asking of open) {
    const { namespace, name } = asking.owner;
    (retained.of(namespace, name).length > 0 ? returning : others).push(asking);
  }
  return [...returning, ...others];
}

/** What one got another may share, or lack: those that lack something are looked at again until nothing is given any more. */
function lacksAfter(settlement: Settlement, open: readonly Asking[]): Map<string, Lack[]> {
  let left = open;
  let lacks = new Map<string, Lack[]>();
  let given: number;
  do {
    given = settlement.given;
    lacks = new Map(left.map((asking) => [asking.owner.uid, settlement.settle(asking, { all: true, avoid: NOTHING })]));
    left = left.filter(({ owner }) => (lacks.get(owner.uid) ?? []).length > 0);
  } while (left.length > 0 && settlement.given > given);
  return lacks;
}

/** The key of an address is that of the Service that has it first, and each has it on its own terms, as far as these can be read. */
function nameTerms({ ledger, askers }: Work): void {
  for (const [key, { owner, wish }] of askers) {
    if (wish.problem !== undefined) continue;
    for (const entry of ledger.of(key)) {
      ledger.reword(entry, owner);
      if (entry.owners[0]?.uid === owner.uid) entry.sharingKey = wish.share?.key;
    }
  }
}

/**
 * Decides which Service has which address. Pure, and the same from the same input, in whatever order its lists are.
 *
 * What a Service has it keeps, whatever becomes of pools; what it publishes is taken for given; then come requests by name, then the
 * rest, each oldest first. With its own result applied it changes nothing, but for one thing: an address that a living Service gives up
 * for another is not given away in the same decision, for its successor has to be stored first.
 */
export function allocate(input: AllocationInput): Allocation {
  const work = begin(input);
  const { ledger, pools } = work;
  const awaited = adoptAll(work);
  giveUpSurplus(work);
  const { lacks, refused } = settleAll(work, awaited);
  giveUpSurplus(work);
  giveUpFields(work);
  nameTerms(work);
  const claims = claimChanges(work.claims, work.misnamed, ledger);
  const reviewAtMs = firstEnd(ledger, pools);
  const services = verdictsOf(work, lacks, awaited);
  const external = externalVerdicts(work, work.external, refused);
  return { services, external, claims, ...(reviewAtMs === undefined ? {} : { reviewAtMs }) };
}
