import { SERVICES_DEFAULTS } from '../../api/defaults.ts';
import type { LabelSelector } from '../../api/pool-services.ts';
import { compareText } from '../../common/compare-text.ts';
import { selects } from '../labels.ts';
import { few } from '../text/sentences.ts';
import { POOL } from './annotations.ts';
import { type PoolBook, serves } from './pool-book.ts';
import type { LoadBalancerService, Refusal, ServicePool } from './types.ts';
import type { PoolWish } from './wishes.ts';

/** Pools that a Service may have something new of, in the order in which it takes it; or why there is none. */
export type Candidates =
  | { readonly pools: readonly ServicePool[]; readonly refusal?: undefined }
  | { readonly pools: readonly []; readonly refusal: Refusal };

type NamespaceLabels = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Of several pools that refuse a Service the reason that says most. */
const MOST_TELLING: readonly Refusal['reason'][] = ['FencedOff', 'PoolDisabled', 'NotAdmitted'];

/** Pools of a lower number are taken from first. Pure. */
export function priorityOf({ spec }: ServicePool): number {
  return spec.services?.priority ?? SERVICES_DEFAULTS.priority;
}

function none(refusal: Refusal): Candidates {
  return { pools: [], refusal };
}

function refused(reason: Refusal['reason'], message: string): Refusal {
  return { reason, message };
}

function matches(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  return selector === undefined || selects(selector, labels);
}

/** Which pools may serve which Services, by what pools say. What was given already is not asked about. */
export class Admission {
  readonly #pools: PoolBook;
  readonly #namespaces: NamespaceLabels;
  readonly #fences = new Map<string, readonly ServicePool[]>();

  constructor(pools: PoolBook, namespaces: NamespaceLabels) {
    this.#pools = pools;
    this.#namespaces = namespaces;
  }

  /** Why nothing can be said of a Service yet; undefined: it can. */
  unknownNamespace({ metadata: { namespace } }: LoadBalancerService): Refusal | undefined {
    if (this.#namespaces.has(namespace)) return undefined;
    return refused('NamespaceUnknown', `its namespace ${namespace} is not known yet`);
  }

  /** Whether a fence stands between a Service and a pool. An annotation cannot get around it, nor can a published address. */
  fence({ metadata: { namespace } }: LoadBalancerService, pool: ServicePool): Refusal | undefined {
    const own = this.#fencesOf(namespace);
    if (own.length > 0 && !own.includes(pool)) {
      const names = few(own.map(({ name }) => name));
      const only = `namespace ${namespace} gets addresses of pool ${names} only, which is its fence`;
      return refused('FencedOff', `${only}; ask for one of it`);
    }
    if (pool.spec.services?.fence !== true || this.#admitsNamespace(pool, namespace)) return undefined;
    return refused('FencedOff', `pool ${pool.name} is fenced off from namespace ${namespace}; ask for another pool`);
  }

  /** Why a Service may have no address of a pool, whatever becomes of it; undefined: it may. */
  refusal(service: LoadBalancerService, pool: ServicePool): Refusal | undefined {
    const fence = this.fence(service, pool);
    if (fence !== undefined) return fence;
    const { namespace, labels } = service.metadata;
    if (!this.#admitsNamespace(pool, namespace)) {
      const fix = 'add it to spec.services.namespaces or to what namespaceSelector selects, or ask for another pool';
      return refused('NotAdmitted', `pool ${pool.name} does not serve namespace ${namespace}; ${fix}`);
    }
    if (matches(pool.spec.services?.serviceSelector, labels)) return undefined;
    const fix = 'give the Service the labels of spec.services.serviceSelector, or ask for another pool';
    return refused('NotAdmitted', `pool ${pool.name} does not serve a Service with these labels; ${fix}`);
  }

  /** The same, of something that the Service did not have before. */
  newRefusal(service: LoadBalancerService, pool: ServicePool): Refusal | undefined {
    const refusal = this.refusal(service, pool);
    if (refusal !== undefined || pool.spec.services?.disabled !== true) return refusal;
    const why = `pool ${pool.name} gives nothing new, as its spec.services.disabled says`;
    return refused('PoolDisabled', `${why}; set that to false, or ask for another pool`);
  }

  /** The pool that a Service asks for by name, if it may have something new of it; without a name all that give of their own accord. */
  candidates(service: LoadBalancerService, wish: PoolWish | undefined): Candidates {
    return wish === undefined ? this.#willing(service) : this.#named(service, wish);
  }

  #named(service: LoadBalancerService, { name, from }: PoolWish): Candidates {
    const pool = this.#pools.get(name);
    if (pool === undefined || !serves(pool)) {
      const why = pool === undefined ? 'there is none' : 'it serves no Services';
      return none(refused('NoPool', `${from} asks for pool ${name}, but ${why}; correct the name, or remove it`));
    }
    const refusal = this.newRefusal(service, pool);
    return refusal === undefined ? { pools: [pool] } : none(refusal);
  }

  #willing(service: LoadBalancerService): Candidates {
    const { serving } = this.#pools;
    if (serving.length === 0) {
      return none(refused('NoPool', 'no VirtualIPPool has spec.services, so that none gives addresses to Services'));
    }
    const willing = serving.filter(({ spec }) => spec.services?.autoAssign !== false);
    const verdicts = willing.map((pool) => ({ pool, refusal: this.newRefusal(service, pool) }));
    const pools = verdicts.filter(({ refusal }) => refusal === undefined).map(({ pool }) => pool);
    if (pools.length > 0) return { pools: pools.sort((a, b) => priorityOf(a) - priorityOf(b)) };
    const refusals = verdicts.flatMap(({ refusal }) => refusal ?? []);
    refusals.sort((a, b) => MOST_TELLING.indexOf(a.reason) - MOST_TELLING.indexOf(b.reason));
    const asked = `ask for one by annotation ${POOL.own}`;
    return none(
      refusals[0] ?? refused('NoPool', `no pool gives addresses unasked (spec.services.autoAssign); ${asked}`),
    );
  }

  #admitsNamespace({ spec: { services } }: ServicePool, namespace: string): boolean {
    const { namespaces, namespaceSelector } = services ?? {};
    const isNamed = namespaces === undefined || namespaces.length === 0 || namespaces.includes(namespace);
    return isNamed && matches(namespaceSelector, this.#namespaces.get(namespace) ?? {});
  }

  #fencesOf(namespace: string): readonly ServicePool[] {
    const known = this.#fences.get(namespace);
    if (known !== undefined) return known;
    const fences = this.#pools.serving
      .filter((pool) => pool.spec.services?.fence === true && this.#admitsNamespace(pool, namespace))
      .toSorted((a, b) => compareText(a.name, b.name));
    this.#fences.set(namespace, fences);
    return fences;
  }
}
