import type { Logger } from 'pino';
import { BAND_NAMES } from '../../api/bands.ts';
import type { Fitness, FitnessInput } from '../fitness/fitness.ts';
import { FitnessController } from '../fitness/fitness-controller.ts';
import { HolderTracker, holdsByVrrp } from '../keepalived/holder.ts';
import type { VrrpInstance } from '../keepalived/instance.ts';
import type { PresentAddresses } from '../network/network.ts';

/** What a VRRP instance is to the node: whose it is and which place the node has in it. */
export interface InstanceRole {
  readonly name: string;
  /** Name of its pool; null for the instance of the settings. */
  readonly pool: string | null;
  /** Place of the node in the order of preference, 0 is first. */
  readonly rank: number;
  readonly virtualRouterId: number;
  /** The node shall give the addresses away, although it is well. */
  readonly leaving?: boolean;
}

/** What a decision rests on besides what the instance itself knows. */
export type InstanceInput = Omit<FitnessInput, 'nowMs' | 'holder' | 'rank' | 'carries'> & {
  /** Whether the node's network does not let it carry every address of the instance. */
  readonly incomplete?: boolean;
};

/** Where an instance's decisions go. */
export interface TrackFiles {
  /** Writes an instance's track files; true when one of them changed. */
  writeFitness(instance: string, fitness: { gate: 0 | 1; offset: number }): boolean;
  /** Closes an instance's gate; true when it was open. */
  closeGate(instance: string): boolean;
}

/** What all instances of a node share. */
export interface RunnerDependencies {
  readonly files: TrackFiles;
  readonly inputOf: (role: InstanceRole) => InstanceInput;
  readonly presentAddresses: () => PresentAddresses;
  /** Called after anything changed that is shown. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** One VRRP instance on this node: its fitness, and who holds its addresses. */
export class InstanceRunner {
  readonly holder: HolderTracker;
  readonly fitness: FitnessController;
  readonly #log: Logger;
  readonly #presentAddresses: () => PresentAddresses;
  #role: InstanceRole;
  /** What VRRP by unicast is spoken from. */
  #source: { readonly address: string; readonly interface: string } | undefined;
  #sourceGone = false;

  /** @param options.inherited fitness of another instance of the same pool, whose delays this one shares */
  constructor(options: { role: InstanceRole; inherited?: Fitness | undefined }, dependencies: RunnerDependencies) {
    const { files, inputOf, presentAddresses, onChange } = dependencies;
    const { role } = options;
    this.#presentAddresses = presentAddresses;
    this.#role = role;
    this.#log = role.pool === null ? dependencies.log : dependencies.log.child({ instance: role.name });
    this.holder = new HolderTracker({
      presentAddresses,
      onChange: ({ holder, vrrp, disagreement }) => {
        this.fitness.review();
        this.#log.info({ holder, vrrp: vrrp.state, priority: vrrp.priority, disagreement }, 'holder state');
        onChange();
      },
      onAddresses: onChange,
    });
    this.fitness = new FitnessController(
      {
        collect: (nowMs) => {
          const { incomplete = false, ...input } = inputOf(this.#role);
          const carries = this.#sourceGone ? 'none' : incomplete ? 'some' : 'all';
          return { ...input, nowMs, holder: holdsByVrrp(this.holder.state), rank: this.#role.rank, carries };
        },
        closeGate: () => files.closeGate(role.name),
        apply: (fitness) => {
          if (files.writeFitness(role.name, fitness))
            this.#log.info({ gate: fitness.gate, offset: fitness.offset }, 'track files written');
        },
        onChange: ({ band, gate, priority }) => {
          this.holder.setGate(gate === 1);
          this.#log.info({ band, reason: BAND_NAMES[band], gate, priority }, 'fitness changed');
          onChange();
        },
        onError: (error) => this.#log.error({ err: error }, 'cannot write the track files; trying again'),
        now: () => performance.now(),
      },
      options,
    );
  }

  /** What the instance is to the node; may be replaced by another one of the same name. */
  get role(): InstanceRole {
    return this.#role;
  }

  set role(role: InstanceRole) {
    this.#role = role;
  }

  /** Takes what keepalived runs of the instance: its addresses, and where it speaks VRRP from. */
  setRunning({ addresses, unicast, interface: on }: Pick<VrrpInstance, 'addresses' | 'unicast' | 'interface'>): void {
    this.#source = unicast === undefined ? undefined : { address: unicast.sourceAddress, interface: on };
    this.holder.setAddresses(addresses);
    this.#lookForSource();
  }

  /** Compares the interfaces with what is wanted, now. */
  look(): void {
    this.#lookForSource();
    this.holder.look();
  }

  /**
   * keepalived does not notice that the address is gone which it speaks unicast from (`track_src_ip` compares the wrong bytes up to 2.4.3):
   * it would hear nobody and take over.
   */
  #lookForSource(): void {
    const source = this.#source;
    const gone = source !== undefined && !this.#presentAddresses().get(source.interface)?.has(source.address);
    if (gone === this.#sourceGone) return;
    this.#sourceGone = gone;
    if (gone)
      this.#log.error(
        { ...source },
        'the address that VRRP is spoken from is gone, or its interface has no carrier: the gate is closed until it is back',
      );
    else this.#log.info({ ...source }, 'the address that VRRP is spoken from is back');
    this.fitness.review();
  }

  /** Ends deciding; track files stay as they are. */
  stop(): void {
    this.fitness.stop();
  }
}
