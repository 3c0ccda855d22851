import type { Logger } from 'pino';
import type { DesiredInstance } from '../desired/desired.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import type { Fitness, FitnessInput } from '../fitness/fitness.ts';
import { FitnessController } from '../fitness/fitness-controller.ts';
import { HolderTracker, holdsByVrrp } from '../keepalived/holder.ts';
import type { PresentAddresses } from '../network/network.ts';

/** What the node contributes to a decision: the same for all its instances, but for their own checks and addresses. */
export type NodeInput = Pick<FitnessInput, 'checks' | 'draining' | 'cordoned' | 'endpoints' | 'yields'> & {
  /** Whether the node's network does not let it carry every address of the instance. */
  readonly incomplete: boolean;
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
  readonly inputOf: (instance: DesiredInstance) => NodeInput;
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
  readonly #files: TrackFiles;
  readonly #presentAddresses: () => PresentAddresses;
  #desired: DesiredInstance;
  /** What VRRP by unicast is spoken from. */
  #source: { readonly address: string; readonly interface: string } | undefined;
  #sourceGone = false;

  /** @param options.inherited fitness of another instance of the same group, whose delays this one shares */
  constructor(
    options: { desired: DesiredInstance; inherited?: Fitness | undefined },
    dependencies: RunnerDependencies,
  ) {
    const { files, inputOf, presentAddresses, onChange } = dependencies;
    const { name, label } = options.desired;
    this.#presentAddresses = presentAddresses;
    this.#files = files;
    this.#desired = options.desired;
    this.#log = label === undefined ? dependencies.log : dependencies.log.child({ instance: label });
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
          const { incomplete, draining, ...input } = inputOf(this.#desired);
          const { rank, policy, leaving, upSinceMs } = this.#desired;
          return {
            ...input,
            ...{ nowMs, rank, policy, draining: draining || leaving },
            ...(upSinceMs === undefined ? {} : { upSinceMs }),
            holder: this.#holds(),
            carries: this.#sourceGone ? 'none' : incomplete ? 'some' : 'all',
          };
        },
        closeGate: () => files.closeGate(name),
        apply: (fitness) => {
          if (files.writeFitness(name, fitness))
            this.#log.info({ gate: fitness.gate, offset: fitness.offset }, 'track files written');
        },
        onChange: ({ band, reason, gate, priority }) => {
          this.holder.setGate(gate === 1);
          this.#log.info({ band, reason, gate, priority }, 'fitness changed');
          onChange();
        },
        onError: (error) => this.#log.error({ err: error }, 'cannot write the track files; trying again'),
        now: () => performance.now(),
      },
      options,
    );
  }

  /** What is desired of it; may be replaced by something else of the same name. */
  get desired(): DesiredInstance {
    return this.#desired;
  }

  set desired(desired: DesiredInstance) {
    this.#desired = desired;
  }

  /**
   * Has keepalived find in the track files what it found in those of the instance that this one was under another name, until there is a
   * decision: without them it would take the instance for one that may not hold its addresses.
   */
  goOnAs({ fitness: { fitness } }: Pick<InstanceRunner, 'fitness'>): void {
    if (fitness === undefined) return;
    try {
      this.#files.writeFitness(this.#desired.name, fitness);
    } catch (error) {
      this.#log.error({ err: error }, 'cannot write the track files of before under another name');
    }
  }

  /** Sets what keepalived runs of the instance: its addresses, and where it speaks VRRP from. */
  setRunning({ addresses, unicast, interface: on }: Pick<VrrpInstance, 'addresses' | 'unicast' | 'interface'>): void {
    this.#source = unicast === undefined ? undefined : { address: unicast.sourceAddress, interface: on };
    this.holder.setAddresses(addresses);
    this.#checkSource();
  }

  /**
   * Where it has no address that shows it, as keepalived says; before that whatever it was: who waits for failback would lose the election by a
   * restart of this process.
   */
  #holds(): boolean {
    const { state } = this.holder;
    return this.#desired.elects === undefined ? holdsByVrrp(state) : ['MASTER', 'UNKNOWN'].includes(state.vrrp.state);
  }

  /** Compares the interfaces with the desired addresses, now. */
  poll(): void {
    this.#checkSource();
    this.holder.poll();
  }

  /**
   * Checks that the address is there from which VRRP is spoken by unicast. keepalived does not (its `track_src_ip` compares the wrong bytes
   * up to 2.4.3): it would receive no advertisement and take over.
   */
  #checkSource(): void {
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
