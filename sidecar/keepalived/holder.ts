import type { VirtualAddress } from './instance.ts';
import type { InterfaceAddress } from './network.ts';
import type { VrrpNotification, VrrpState } from './notify.ts';

/** Whether this node holds the address, from two sources: what keepalived says and what is on the interface. */
export interface HolderState {
  /**
   * True when at least one of the virtual addresses is on its interface; this is the truth that clients meet. Also true for a master whose
   * addresses were just all exchanged, while keepalived puts the new ones on.
   */
  readonly holder: boolean;
  /** Wall clock in milliseconds of the last change of `holder`. */
  readonly sinceMs: number;
  readonly addresses: readonly (VirtualAddress & { readonly present: boolean })[];
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
  readonly interfaceAddresses: () => Map<string, { addresses: InterfaceAddress[] }>;
  readonly now: () => number;
  /** Called when `holder`, the VRRP state or the disagreement changes. */
  readonly onChange: (state: HolderState) => void;
}

/** Follows who holds the address on this node. Looks whenever keepalived notifies, and at an interval besides. */
export class HolderTracker {
  readonly #intervalSeconds: number;
  readonly #dependencies: HolderDependencies;
  #wanted: readonly VirtualAddress[] = [];
  #state: HolderState;
  #exchangedAtMs = 0;
  #differsSinceMs: number | undefined;
  #gateOpen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { intervalSeconds: number }, dependencies: HolderDependencies) {
    this.#intervalSeconds = options.intervalSeconds;
    this.#dependencies = dependencies;
    const sinceMs = dependencies.now();
    this.#state = {
      holder: false,
      sinceMs,
      addresses: [],
      vrrp: { state: 'UNKNOWN', priority: undefined, sinceMs },
      disagreement: null,
    };
  }

  /** What was seen at the last look. */
  get state(): HolderState {
    return this.#state;
  }

  /** Sets which addresses to look for, and looks. Call it when keepalived has taken the configuration that has them. */
  setAddresses(addresses: readonly VirtualAddress[]): void {
    this.#wanted = addresses;
    this.#exchangedAtMs = this.#dependencies.now();
    this.look();
  }

  /** Takes whether the node's gate is open: keepalived has no reason of ours to be in FAULT then. */
  setGate(open: boolean): void {
    this.#gateOpen = open;
  }

  /** Takes what keepalived says, and looks at the interface at once. */
  notify({ state, priority }: VrrpNotification): void {
    const before = this.#state.vrrp;
    const sinceMs = before.state === state ? before.sinceMs : this.#dependencies.now();
    const changed = before.state !== state || before.priority !== priority;
    this.#state = { ...this.#state, vrrp: { state, priority, sinceMs } };
    this.#look(changed);
  }

  /** Begins to look at an interval. */
  start(): void {
    this.#timer ??= setInterval(() => this.look(), this.#intervalSeconds * 1000);
  }

  /** Ends looking; may be called twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Compares the interface with what is wanted, now. */
  look(): void {
    this.#look(false);
  }

  #look(stateChanged: boolean): void {
    const before = this.#state;
    const found = this.#dependencies.interfaceAddresses();
    const addresses = this.#wanted.map((wanted) => ({
      ...wanted,
      present: found.get(wanted.interface)?.addresses.some(({ address }) => address === wanted.address) ?? false,
    }));
    const nowMs = this.#dependencies.now();
    const exchanging =
      before.holder && before.vrrp.state === 'MASTER' && nowMs - this.#exchangedAtMs < TRANSITION_MILLIS;
    const holder = exchanging || addresses.some(({ present }) => present);
    const next = { ...before, holder, sinceMs: holder === before.holder ? before.sinceMs : nowMs, addresses };
    this.#state = { ...next, disagreement: this.#lastingDisagreement(next, nowMs) };
    const changed = holder !== before.holder || this.#state.disagreement !== before.disagreement;
    if (changed || stateChanged) this.#dependencies.onChange(this.#state);
  }

  #lastingDisagreement(state: HolderState, nowMs: number): string | null {
    const text = disagreementOf(state, this.#gateOpen);
    if (text === null) {
      this.#differsSinceMs = undefined;
      return null;
    }
    this.#differsSinceMs ??= nowMs;
    return nowMs - this.#differsSinceMs >= TRANSITION_MILLIS ? text : null;
  }
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
