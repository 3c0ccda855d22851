import type { ServiceStrike } from './schedule.ts';

/** What a Service of a chaos run is: not there, a load balancer, or of another type. */
type Kind = 'absent' | 'balancer' | 'plain';

const KIND_AFTER = {
  create: 'balancer',
  renew: 'balancer',
  'to balancer': 'balancer',
  delete: 'absent',
  'to ClusterIP': 'plain',
} as const satisfies Record<string, Kind>;
/** What makes a Service give its address up, if only for a moment. */
const PARTING: readonly string[] = ['renew', 'delete', 'to ClusterIP'];

interface Entry {
  kind: Kind;
  /** The address that it has, or had last and has to get back; undefined: any will do. */
  address: string | undefined;
}

/** Which Services there are to be, and which addresses are theirs: what is promised of them, strike after strike. */
export class ServicesBook {
  readonly #entries: ReadonlyMap<string, Entry>;
  /** Whether an address lies in a range that the pool has only while it is widened. */
  readonly #isExtra: (address: string) => boolean;
  #wide = false;

  constructor(names: readonly string[], isExtra: (address: string) => boolean) {
    this.#entries = new Map(names.map((name) => [name, { kind: 'absent', address: undefined }]));
    this.#isExtra = isExtra;
  }

  /** Takes note of something that was done. */
  note(strike: ServiceStrike): void {
    if ('pool' in strike) this.#range(strike.pool === 'widen');
    else this.#change(this.#entryOf(strike.name), strike.service);
  }

  /** Those that are to have an address, by name; with the one that it has to be. */
  get balancers(): ReadonlyMap<string, string | undefined> {
    const living = [...this.#entries].filter(([, { kind }]) => kind === 'balancer');
    return new Map(living.map(([name, { address }]) => [name, address]));
  }

  /**
   * Compares what is published with what is promised, and remembers it.
   * @param published addresses by the Services' names
   * @returns what is not as promised, in words
   */
  judge(published: ReadonlyMap<string, readonly string[]>): string[] {
    const violations = [...this.balancers].flatMap(([name, promised]) => {
      const addresses = published.get(name) ?? [];
      const [address] = addresses;
      if (address === undefined || addresses.length > 1) return [`Service ${name} has ${addresses.length} addresses`];
      this.#entryOf(name).address = address;
      if (promised === undefined || promised === address) return [];
      return [`Service ${name} has ${address}, and had ${promised} before`];
    });
    const given = [...published].flatMap(([name, addresses]) => addresses.map((address) => ({ name, address })));
    const twice = given.filter(({ address }, index) => given.findIndex((each) => each.address === address) !== index);
    const left = given.filter(({ name }) => this.#entryOf(name).kind !== 'balancer');
    return [
      ...violations,
      ...twice.map(({ name, address }) => `${address} of Service ${name} is another's, too`),
      ...left.map(({ name, address }) => `Service ${name} is no load balancer any more, and has ${address}`),
    ];
  }

  #entryOf(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`there is no Service ${name}`);
    return entry;
  }

  /** What a pool does not have any more waits for nobody; who lives keeps it. */
  #range(wide: boolean): void {
    this.#wide = wide;
    for (const entry of this.#entries.values()) if (entry.kind !== 'balancer') this.#forgetLost(entry);
  }

  #change(entry: Entry, service: keyof typeof KIND_AFTER): void {
    entry.kind = KIND_AFTER[service];
    if (PARTING.includes(service)) this.#forgetLost(entry);
  }

  #forgetLost(entry: Entry): void {
    if (!this.#wide && entry.address !== undefined && this.#isExtra(entry.address)) entry.address = undefined;
  }
}
