import type { Logger } from 'pino';
import { canonical } from '../../common/addresses.ts';
import type { DesiredNode } from '../desired/desired.ts';
import type { Placements } from '../desired/placement.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { Configurator, type Configured } from '../keepalived/configurator.ts';
import { readNetwork } from '../network/network.ts';
import { RunningConfiguration } from '../runtime/running-configuration.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Part } from './part.ts';

/** There can be thousands. */
const LOGGED_ADDRESSES = 20;

interface ConfigurationOptions {
  readonly node: string;
  readonly nodeAddress: string;
  /** Where this node's instances were found before this process began. */
  readonly placements?: Placements;
}

interface ConfigurationDependencies {
  readonly runtime: Pick<Runtime, 'directory' | 'keepalived'>;
  readonly desiredNode: () => DesiredNode;
  /** Called when instances were found elsewhere than before. */
  readonly onPlacements: (placements: Placements) => void;
  /** Called when a configuration was made, which may be the one offered before. */
  readonly onMade: (instances: readonly VrrpInstance[]) => void;
  /** Called when keepalived runs another configuration of this process than before. */
  readonly onRunning: (instances: readonly VrrpInstance[]) => void;
  /** Called when what this node cannot carry out has changed, or which addresses are its own. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** keepalived's configuration: the one that is offered, and the one that runs. */
export class Configuration implements Part {
  readonly #dependencies: ConfigurationDependencies;
  readonly #configurator: Configurator;
  readonly #running = new RunningConfiguration<Configured>();
  #started = false;

  constructor(options: ConfigurationOptions, dependencies: ConfigurationDependencies) {
    const { runtime, desiredNode, onPlacements, onChange, log } = dependencies;
    this.#dependencies = dependencies;
    this.#configurator = new Configurator(
      { ...options, runtimeDirectory: runtime.directory.path },
      {
        desiredNode,
        readNetwork,
        managedAddresses: () => this.#managedAddresses(),
        onPlacements,
        offer: (config) => runtime.keepalived.offer(config),
        onConfigured: (configured, offered) => this.#made(configured, offered),
        onProblem: ({ instance, message }) =>
          log.error({ instance, problem: message }, 'an instance cannot run on this node as it should; trying again'),
        onChange,
      },
    );
  }

  /** What cannot be carried out here, the node's own addresses, and of which instances not every address can be carried. */
  get outcome(): Pick<Configurator, 'problems' | 'ownAddresses' | 'isIncomplete'> {
    return this.#configurator;
  }

  /** The instances that keepalived is known to run, of those that this process made. */
  get running(): readonly VrrpInstance[] {
    return this.#running.current?.instances ?? [];
  }

  /** The plan that keepalived runs; null for none. */
  get observedPlan(): string | null {
    return this.#running.current?.plan ?? null;
  }

  async start(): Promise<void> {
    this.#started = true;
    await this.#configurator.start();
  }

  stop(): void {
    this.#configurator.stop();
  }

  /** Makes the configuration of what is desired and the network now; nothing before the start. Never rejects. */
  async reconcile(): Promise<void> {
    if (this.#started) await this.#configurator.reconcile();
  }

  /** Sets the names of nodes by their addresses, as listed from the API: none of these can be a virtual one. Never rejects. */
  setNodesByAddress(nodesByAddress: ReadonlyMap<string, string>): Promise<void> {
    return this.#configurator.setNodesByAddress(nodesByAddress);
  }

  /**
   * Notes what the supervisor reports.
   * @param sha256 of the configuration that runs; undefined while there is no report
   */
  report(sha256: string | undefined): void {
    if (this.#running.report(sha256)) this.#dependencies.onRunning(this.running);
  }

  #made(configured: Configured, offered: boolean): void {
    const { onMade, onRunning, log } = this.#dependencies;
    const { instances } = configured;
    onMade(instances);
    if (offered) {
      const addresses = instances.flatMap((instance) => instance.addresses.map(({ address }) => address));
      log.info(
        {
          interface: instances[0]?.interface,
          instances: instances.length,
          count: addresses.length,
          addresses: addresses.slice(0, LOGGED_ADDRESSES),
        },
        'config offered',
      );
    }
    if (this.#running.offer(configured)) onRunning(this.running);
  }

  /** The addresses that may be on an interface because of this release: the supervisor's list, and what keepalived runs. */
  async #managedAddresses(): Promise<ReadonlySet<string> | undefined> {
    const status = await this.#dependencies.runtime.keepalived.readStatus();
    if (status === undefined) return undefined;
    const running = this.running.flatMap(({ addresses }) => addresses);
    return new Set([...status.listed, ...running].map(({ address }) => canonical(address)));
  }
}
