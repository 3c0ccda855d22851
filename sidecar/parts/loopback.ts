import type { Logger } from 'pino';
import { subnetsOf } from '../../common/addresses.ts';
import type { Timers } from '../../common/clock.ts';
import type { DesiredLoopback } from '../desired/desired.ts';
import type { FitnessInput } from '../fitness/fitness.ts';
import { LoopbackSet, type LoopbackView } from '../instances/loopback-set.ts';
import type { PresentAddresses } from '../network/network.ts';
import type { LoopbackFile } from '../runtime/loopback.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import { AskedFile } from './asked-file.ts';
import type { Part } from './part.ts';

interface LoopbackPartDependencies {
  readonly file: Pick<LoopbackFile, 'read' | 'write'>;
  readonly inputOf: (desired: DesiredLoopback) => Pick<FitnessInput, 'checks' | 'draining' | 'cordoned'>;
  /** Whether this node is elected for what goes by a name; undefined where that is not known yet. */
  readonly isElected: (name: string) => boolean | undefined;
  readonly presentAddresses: () => PresentAddresses;
  /** Whether it is known what is desired: before that nothing is changed. */
  readonly isKnown: () => boolean;
  /** The node's own addresses with their prefixes: the same list while they do not change. */
  readonly ownAddresses: () => readonly string[];
  /** What the supervisor last reported. */
  readonly status: () => SupervisorStatus | undefined;
  /** Has the supervisor look at once. */
  readonly wake: () => Promise<void>;
  /** Called after anything changed that is shown. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly timers?: Timers;
}

/** Finds the subnet of the node's that an address is in. */
type SubnetOf = (address: string) => string | undefined;

function onLinkProblem({ name, address, subnet }: { name: string; address: string; subnet: string }): string {
  return `pool ${name}: ${address} is in this node's subnet ${subnet}, where every node would answer for it: it is not put on lo; give the pool addresses from outside of the nodes' subnets, which routers send here`;
}

/** Has addresses on lo while this node is fit to serve them. */
export class Loopback implements Part {
  readonly #dependencies: LoopbackPartDependencies;
  readonly #set: LoopbackSet;
  readonly #file: AskedFile<readonly string[]>;
  #desired: readonly DesiredLoopback[] = [];
  /** What the supervisor was asked for last. */
  #asked: ReadonlySet<string> = new Set();
  #subnets: { readonly of: readonly string[]; readonly find: SubnetOf } = { of: [], find: () => undefined };
  /** What was found last, of which addresses and in which subnets: thousands are asked about whenever the status is. */
  #onLink:
    | { readonly by: SubnetOf; readonly of: readonly DesiredLoopback[]; readonly problems: readonly string[] }
    | undefined;

  constructor(dependencies: LoopbackPartDependencies) {
    this.#dependencies = dependencies;
    this.#file = new AskedFile({
      ...dependencies,
      desired: () => this.#wanted(),
      onAsked: (addresses) => {
        this.#asked = new Set(addresses);
        dependencies.log.info({ count: addresses.length, addresses: addresses.slice(0, 20) }, 'asked for on lo');
      },
      what: 'what is to be on lo',
    });
    this.#set = new LoopbackSet({ ...dependencies, onDecided: () => void this.#file.review() });
  }

  /** What was asked for is the word of a process before this one: of what is not decided yet it stays. */
  async start(): Promise<void> {
    this.#asked = new Set(await this.#dependencies.file.read());
    this.#set.start();
    await this.#file.start();
  }

  /** What is asked for stays, over a restart of this process. */
  stop(): void {
    this.#file.stop();
    this.#set.stop();
  }

  /** Sets what is desired. */
  set(desired: readonly DesiredLoopback[]): void {
    this.#desired = desired;
    this.#set.set(desired);
  }

  /** Decides anew. */
  review(): void {
    this.#set.review();
  }

  /** Whether one of the addresses is on lo. */
  get holder(): boolean {
    return this.#set.holder;
  }

  get views(): readonly LoopbackView[] {
    return this.#set.views;
  }

  /** What is not on lo although it is asked for, in sentences. */
  get problems(): readonly string[] {
    if (this.#desired.length === 0) return [];
    const known = this.#dependencies.status();
    const older = known !== undefined && known.loopback === undefined;
    return [
      ...this.#onLinkProblems(),
      ...(older ? ["keepalived's container is of an older release: it puts nothing on lo"] : []),
      ...(known?.loopback?.messages ?? []).map((message) => `not all is on lo as it should be: ${message}`),
    ];
  }

  #onLinkProblems(): readonly string[] {
    const find = this.#subnetOf();
    if (this.#onLink?.by === find && this.#onLink.of === this.#desired) return this.#onLink.problems;
    const problems = this.#desired.flatMap(({ name, addresses }) =>
      addresses.flatMap((address) => {
        const subnet = find(address);
        return subnet === undefined ? [] : [onLinkProblem({ name, address, subnet })];
      }),
    );
    this.#onLink = { by: find, of: this.#desired, problems };
    return problems;
  }

  /** Undefined while nothing is known. */
  #wanted(): readonly string[] | undefined {
    if (!this.#dependencies.isKnown()) return undefined;
    const { fit, undecided } = this.#set.asked;
    const wanted = [...fit, ...undecided.filter((address) => this.#asked.has(address))];
    const subnetOf = this.#subnetOf();
    return wanted.filter((address) => subnetOf(address) === undefined);
  }

  #subnetOf(): SubnetOf {
    const of = this.#dependencies.ownAddresses();
    if (of !== this.#subnets.of) this.#subnets = { of, find: subnetsOf(of) };
    return this.#subnets.find;
  }
}
