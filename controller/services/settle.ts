import { type Family, familyOf } from '../../common/addresses.ts';
import { choose, type Found, type Pick, type Sources } from './choose.ts';
import type { Ledger } from './ledger.ts';
import { type RequestInput, request } from './requests.ts';
import type { Asking } from './sharing.ts';
import type { Refusal } from './types.ts';

/** Why a Service has fewer addresses of a family than it asks for. */
export interface Lack {
  readonly family: Family;
  readonly refusal: Refusal;
  /** Whether it asks for the address by name. */
  readonly listed: boolean;
}

/** What of its requests is looked at. */
export interface Round {
  /** False: only those by name. */
  readonly all: boolean;
  /** Addresses that are not chosen for who asks for none by name. */
  readonly avoid: ReadonlySet<string>;
}

interface FamilyPlan {
  readonly picks: readonly Pick[];
  readonly lacks: readonly Lack[];
}

/** Whether it takes nothing before it can have both families. Pure. */
export function needsBoth({ service, wish }: Asking): boolean {
  return service.ipFamilyPolicy === 'RequireDualStack' && wish.families.length > 1;
}

/** Addresses of a family that a Service asks for by name. Pure. */
export function listedOf({ wish }: Asking, family: Family): string[] {
  return wish.listed.filter((address) => familyOf(address) === family);
}

/** How many addresses of a family a Service is to have. Pure. */
export function wantedCount(asking: Asking, family: Family): number {
  return Math.max(asking.wish.perFamily, listedOf(asking, family).length);
}

/** Gives Services what they lack, as far as it can be given. */
export class Settlement {
  readonly #sources: Sources;
  readonly #requests: RequestInput;
  readonly #ledger: Ledger;
  #given = 0;

  constructor(sources: Sources, requests: RequestInput) {
    this.#sources = sources;
    this.#requests = requests;
    this.#ledger = requests.ledger;
  }

  /** How many addresses were given. */
  get given(): number {
    return this.#given;
  }

  /** Whether a Service has as many addresses as it asks for, and those that it names. */
  isSettled(asking: Asking): boolean {
    return asking.wish.families.every((family) => {
      const held = this.#heldOf(asking, family);
      const listed = listedOf(asking, family);
      return held.size >= wantedCount(asking, family) && listed.every((address) => held.has(address));
    });
  }

  /** Gives a Service what it lacks. @returns what it still lacks, and why */
  settle(asking: Asking, round: Round): Lack[] {
    const plans = asking.wish.families.map((family) => this.#plan(asking, family, round));
    if (!this.#isEnough(asking, plans)) return plans.flatMap(({ lacks }) => lacks);
    for (const { picks } of plans) for (const pick of picks) this.give(asking, pick);
    return plans.flatMap(({ lacks }) => lacks);
  }

  #isEnough(asking: Asking, plans: readonly FamilyPlan[]): boolean {
    if (!needsBoth(asking)) return true;
    return asking.wish.families.every(
      (family, index) => this.#heldOf(asking, family).size + (plans[index]?.picks.length ?? 0) > 0,
    );
  }

  #heldOf({ owner }: Asking, family: Family): Set<string> {
    const held = this.#ledger.of(owner.uid).filter((entry) => entry.family === family);
    return new Set(held.map(({ address }) => address));
  }

  #plan(asking: Asking, family: Family, { all, avoid }: Round): FamilyPlan {
    const own = this.#heldOf(asking, family);
    const listed = listedOf(asking, family);
    const unlisted = [...own].filter((address) => !listed.includes(address)).length;
    const picks: Pick[] = [];
    const lacks: Lack[] = [];
    const take = (found: Found, byName: boolean) => {
      if (found.refusal !== undefined) {
        lacks.push({ family, refusal: found.refusal, listed: byName });
        return;
      }
      picks.push(found.pick);
      own.add(found.pick.address);
    };
    for (const address of listed) if (!own.has(address)) take(request(this.#requests, address, asking), true);
    const unasked = all ? asking.wish.perFamily - listed.length : 0;
    for (let number = unlisted; number < unasked; number++) {
      take(choose(this.#sources, { asking, family, number, own, avoid }), false);
    }
    return { picks, lacks };
  }

  /** Gives a Service an address that it may have. */
  give({ owner, wish }: Asking, { address, pool }: Pick): void {
    this.#given++;
    const isNew = this.#ledger.get(address) === undefined;
    this.#ledger.give(address, pool, owner, wish.share?.key);
    const entry = this.#ledger.get(address);
    if (entry === undefined) return;
    if (isNew) this.#sources.free.took(pool, entry.family);
    this.#sources.sharers.add(entry);
  }
}
