import type { ProbeResult } from '../probes/types.ts';
import { afterCount, afterNames, allGone, type EndpointTrust, NO_TRUST } from './endpoint-trust.ts';
import type { CheckView } from './types.ts';

/** A pool, as far as its endpoints on the node go, by keys of checks. */
interface HeldPool {
  readonly name: string;
  readonly localEndpoints?: string;
  readonly heldEndpoints?: readonly string[];
}

interface Entry {
  /** Key of the check that asks kube-proxy. */
  readonly asked: string;
  readonly trust: EndpointTrust;
}

/** What held connections say of the endpoints that this node has for pools. */
export class HeldPools {
  readonly #view: (key: string) => CheckView | undefined;
  #entries: ReadonlyMap<string, Entry> = new Map();

  /** @param view what a check says, by its key */
  constructor(view: (key: string) => CheckView | undefined) {
    this.#view = view;
  }

  /** Sets the pools that there are. */
  update(pools: readonly HeldPool[]): void {
    const entries = pools.flatMap(({ name, localEndpoints, heldEndpoints }) => {
      if (localEndpoints === undefined || heldEndpoints === undefined) return [];
      const before = this.#entries.get(name);
      const known = before?.asked === localEndpoints ? before.trust : NO_TRUST;
      return [[name, { asked: localEndpoints, trust: afterNames(known, heldEndpoints) }] as const];
    });
    this.#entries = new Map(entries);
  }

  /**
   * Takes note of what a check found.
   * @returns whether what is made of the connections may have changed by that
   */
  count(key: string, { endpoints }: Pick<ProbeResult, 'endpoints'>): boolean {
    if (endpoints === undefined) return false;
    let changed = false;
    const entries = Array.from(this.#entries, ([name, entry]) => {
      const trust = entry.asked === key ? afterCount(entry.trust, endpoints) : entry.trust;
      changed ||= trust !== entry.trust;
      return [name, { ...entry, trust }] as const;
    });
    if (changed) this.#entries = new Map(entries);
    return changed;
  }

  /** Whether the node has endpoints of a pool, by the connections alone: unhealthy since the last one of them broke. */
  view(name: string): CheckView | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const views = entry.trust.named.map((key) => this.#view(key));
    const gone = allGone(entry.trust, (key) => this.#view(key)?.healthy === false);
    const since = views.map((view) => view?.sinceMs ?? 0);
    return {
      healthy: !gone,
      sinceMs: gone ? Math.max(...since) : undefined,
      everFailed: views.some((view) => view?.everFailed === true),
    };
  }
}
