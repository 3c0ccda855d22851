import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { VirtualAddress } from '../desired/vrrp-instance.ts';
import type { PresentAddresses } from '../network/network.ts';
import type { VrrpNotification, VrrpState } from './notify.ts';

/** A virtual address, and whether it is on its interface. */
export interface HeldAddress extends VirtualAddress {
  readonly present: boolean;
  /** Wall clock in milliseconds since when `present` is what it is, as far as this process has seen. */
  readonly sinceMs: number;
}

/** Whether this node holds the address, from two sources: what keepalived says and what is on the interface. */
export interface HolderState {
  /**
   * True when at least one of the virtual addresses is on its interface; this is the truth that clients meet. Also true for a master whose
   * addresses were just all exchanged, while keepalived puts the new ones on.
   */
  readonly holder: boolean;
  /** Wall clock in milliseconds of the last change of `holder`. */
  readonly sinceMs: number;
  readonly addresses: readonly HeldAddress[];
  readonly vrrp: {
    readonly state: VrrpState | 'UNKNOWN';
    readonly priority: number | undefined;
    readonly sinceMs: number;
  };
  /** What the two sources disagree on, once it has lasted longer than a transition takes; otherwise null. */
  readonly disagreement: string | null;
}

/** A transition adds 200 addresses in well under a second; what lasts longer is no transition. */
const TRANSITION_MILLIS = 2000;

interface HolderDependencies {
  readonly presentAddresses: () => PresentAddresses;
  /** Wall clock for what is shown, monotonic for how long something lasts: a wall clock that is set would stretch it without end. */
  readonly clock?: Clock;
  /** Called when `holder`, the VRRP state or the disagreement changes. */
  readonly onChange: (state: HolderState) => void;
  /** Called when an address came to its interface or left it. */
  readonly onAddresses?: () => void;
}

/** Follows whether this node holds the addresses of an instance. Polls the interface whenever keepalived notifies, and when it is asked to. */
export class HolderTracker {
  readonly #dependencies: HolderDependencies;
  readonly #clock: Clock;
  #desired: readonly VirtualAddress[] = [];
  /** The desired addresses that the state is about. */
  #addressesOf: readonly VirtualAddress[] = this.#desired;
  #state: HolderState;
  /** On the monotonic clock, as is `#differsSinceMs`. */
  #exchangedAtMs = Number.NEGATIVE_INFINITY;
  #differsSinceMs: number | undefined;
  #gateOpen = false;

  constructor(dependencies: HolderDependencies) {
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#state = unknownHolder(this.#clock.wallMs());
  }

  /** The state after the last poll or notification. */
  get state(): HolderState {
    return this.#state;
  }

  /** The addresses that the instance is to have. */
  get desired(): readonly VirtualAddress[] {
    return this.#desired;
  }

  /** Sets the addresses that the instance is to have, and polls. Call it when keepalived runs the configuration that has them. */
  setAddresses(addresses: readonly VirtualAddress[]): void {
    // Nothing is exchanged, then.
    if (isDeepStrictEqual(addresses, this.#desired)) {
      this.poll();
      return;
    }
    this.#desired = addresses;
    this.#exchangedAtMs = this.#clock.monotonicMs();
    this.poll();
  }

  /** Sets whether the node's gate is open: keepalived has no reason of ours to be in FAULT then. */
  setGate(open: boolean): void {
    this.#gateOpen = open;
  }

  /** Applies a notification of keepalived, and polls the interface at once. */
  notify({ state, priority }: VrrpNotification): void {
    const before = this.#state.vrrp;
    const sinceMs = before.state === state ? before.sinceMs : this.#clock.wallMs();
    const changed = before.state !== state || before.priority !== priority;
    this.#state = { ...this.#state, vrrp: { state, priority, sinceMs } };
    this.#update(changed);
  }

  /** Sets the state that keepalived reports when asked, where it has notified of none since this process began. */
  learn(state: VrrpState): void {
    if (this.#state.vrrp.state !== 'UNKNOWN') return;
    this.#state = { ...this.#state, vrrp: { state, priority: undefined, sinceMs: this.#clock.wallMs() } };
    this.#update(true);
  }

  /** Compares the interface with the desired addresses, now. */
  poll(): void {
    this.#update(false);
  }

  #update(stateChanged: boolean): void {
    const before = this.#state;
    const nowMs = this.#clock.wallMs();
    const measuredMs = this.#clock.monotonicMs();
    const addresses = this.#seen(before.addresses, nowMs);
    const exchanging =
      before.holder && before.vrrp.state === 'MASTER' && measuredMs - this.#exchangedAtMs < TRANSITION_MILLIS;
    const holder = exchanging || addresses.some(({ present }) => present);
    const next = { ...before, holder, sinceMs: holder === before.holder ? before.sinceMs : nowMs, addresses };
    this.#state = { ...next, disagreement: this.#lastingDisagreement(next, measuredMs) };
    const changed = holder !== before.holder || this.#state.disagreement !== before.disagreement;
    if (changed || stateChanged) this.#dependencies.onChange(this.#state);
    if (addresses !== before.addresses) this.#dependencies.onAddresses?.();
  }

  /** Which of the desired addresses are there; the same array while nothing changes, since there may be hundreds. */
  #seen(before: readonly HeldAddress[], nowMs: number): readonly HeldAddress[] {
    const found = this.#dependencies.presentAddresses();
    const isPresent = (on: VirtualAddress): boolean => found.get(on.interface)?.has(on.address) ?? false;
    const same = this.#addressesOf === this.#desired && before.every((known) => known.present === isPresent(known));
    if (same) return before;
    this.#addressesOf = this.#desired;
    const known = new Map(before.map((one) => [`${one.interface} ${one.address}`, one]));
    return this.#desired.map((desired) => {
      const present = isPresent(desired);
      const last = known.get(`${desired.interface} ${desired.address}`);
      return { ...desired, present, sinceMs: last?.present === present ? last.sinceMs : nowMs };
    });
  }

  #lastingDisagreement(state: HolderState, measuredMs: number): string | null {
    const text = disagreementOf(state, this.#gateOpen);
    if (text === null) {
      this.#differsSinceMs = undefined;
      return null;
    }
    this.#differsSinceMs ??= measuredMs;
    return measuredMs - this.#differsSinceMs >= TRANSITION_MILLIS ? text : null;
  }
}

/**
 * Whether the node holds addresses because VRRP says so: an address that somebody put on a backup by hand makes it no holder. Where keepalived
 * has not said anything since this process began, what is on the interface counts.
 */
export function holdsByVrrp({ holder, vrrp: { state } }: Pick<HolderState, 'holder' | 'vrrp'>): boolean {
  return holder && (state === 'MASTER' || state === 'UNKNOWN');
}

/** The state of addresses of which nothing was seen yet. */
export function unknownHolder(sinceMs: number): HolderState {
  return {
    holder: false,
    sinceMs,
    addresses: [],
    vrrp: { state: 'UNKNOWN', priority: undefined, sinceMs },
    disagreement: null,
  };
}

function disagreementOf({ vrrp, addresses }: HolderState, gateOpen: boolean): string | null {
  if (vrrp.state === 'UNKNOWN') return null;
  // keepalived goes on without watching its track files when it gets no inotify instance, and only its log says so.
  if (vrrp.state === 'FAULT' && gateOpen) {
    return 'keepalived is in FAULT although the gate is open: its interface has no carrier, or it cannot watch the track files';
  }
  const master = vrrp.state === 'MASTER';
  const wrong = addresses
    .filter(({ present }) => present !== master)
    .map(({ address, interface: on }) => `${address} on ${on}`);
  if (wrong.length === 0) return null;
  return master
    ? `keepalived is MASTER without ${wrong.join(', ')}`
    : `keepalived is ${vrrp.state} but the node has ${wrong.join(', ')}`;
}
