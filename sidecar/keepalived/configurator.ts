import { NODE_INSTANCE } from '../../api/instances.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import { sha256 } from '../../common/digest.ts';
import { messageOf } from '../../common/errors.ts';
import { type DesiredNode, virtualAddresses } from '../desired/desired.ts';
import type { Placement, Placements } from '../desired/placement.ts';
import { type InstanceProblem, type Resolved, type ResolvedInstance, resolveAll } from '../desired/resolve.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import type { NetworkView } from '../network/network.ts';
import { NodeSubnets } from '../network/node-subnets.ts';
import { readPasswords } from './passwords.ts';
import { renderConfig } from './render.ts';

interface ConfiguratorOptions {
  readonly node: string;
  readonly nodeAddress: string;
  readonly runtimeDirectory: string;
  /** Where things were found before this process began. */
  readonly placements?: Placements;
}

interface ConfiguratorDependencies {
  /** What is desired now: the same object as long as it has not changed. */
  readonly desiredNode: () => DesiredNode;
  readonly readNetwork: () => Promise<NetworkView>;
  /**
   * Which of the addresses on the node's interfaces may be there because of this release, in canonical form: all others are the node's own,
   * also one that is asked for as a virtual one. Undefined while that is not known: every virtual address may be, then. Asked after the
   * network was read: what is put on meanwhile is not seen yet.
   */
  readonly managedAddresses: () => Promise<ReadonlySet<string> | undefined>;
  /** Called when things were found elsewhere than before, to keep them over a restart. */
  readonly onPlacements?: (placements: Placements) => void;
  /** Offers a configuration to the supervisor; true when it was a new one. */
  readonly offer: (config: string) => Promise<boolean>;
  /** Called when a configuration was made of what is desired and the node's network, which may be the one offered before. */
  readonly onConfigured: (configured: Configured, offered: boolean) => void;
  /** Called when something of what is asked for cannot be carried out on this node, once per reason; it is tried again. */
  readonly onProblem: (problem: InstanceProblem) => void;
  /** Called when what this node cannot carry out has changed, or which addresses are its own. */
  readonly onChange?: () => void;
  readonly clock?: Clock;
}

/** A configuration that was offered. */
export interface Configured {
  readonly instances: readonly VrrpInstance[];
  /** By which the supervisor reports what runs. */
  readonly sha256: string;
  /** The plan that it carries out; null when there is none. */
  readonly plan: string | null;
}

const RESYNC_SECONDS = 5;
/** As long as an interface may take to get its address when the node starts, before that of the default route counts as found. */
const STARTUP_SECONDS = 12;

/** What a configuration was made of. */
interface Origin {
  readonly desiredNode: DesiredNode;
  readonly nodesByAddress: ReadonlyMap<string, string>;
  /** What the node's network and files say, as far as it matters. */
  readonly node: string;
}

/** Turns what is desired and the node's network into keepalived's configuration, now and whenever one of them changes. */
export class Configurator {
  readonly #options: Omit<ConfiguratorOptions, 'placements'>;
  readonly #dependencies: ConfiguratorDependencies;
  readonly #clock: Clock;
  #startedAtMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #problems: readonly InstanceProblem[] = [];
  #before: ReadonlyMap<string, ResolvedInstance> = new Map();
  #placements: ReadonlyMap<string, Placement>;
  #incomplete: ReadonlySet<string> = new Set();
  #nodesByAddress: ReadonlyMap<string, string> = new Map();
  #ownAddresses: readonly string[] = [];
  /** What the last configuration was made of; undefined when there is none, or making it failed. */
  #madeOf: Origin | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor({ placements = {}, ...options }: ConfiguratorOptions, dependencies: ConfiguratorDependencies) {
    this.#options = options;
    this.#placements = new Map(Object.entries(placements));
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
  }

  /** What cannot be carried out here at the moment, by instance. */
  get problems(): readonly InstanceProblem[] {
    return this.#problems;
  }

  /** The node's own addresses with their prefixes, as they were when the network was read last. */
  get ownAddresses(): readonly string[] {
    return this.#ownAddresses;
  }

  /** Whether this node cannot carry every address of an instance at the moment. */
  isIncomplete(instance: string): boolean {
    return this.#incomplete.has(instance);
  }

  /** Offers a first configuration and begins to watch the network: an interface may come later, or get another address. */
  async start(): Promise<void> {
    if (this.#timer === undefined) this.#startedAtMs = this.#clock.monotonicMs();
    this.#timer ??= setInterval(() => void this.#configure(), RESYNC_SECONDS * 1000);
    await this.#configure();
  }

  /** Sets the names of nodes by their addresses, as listed from the Kubernetes API. */
  async setNodesByAddress(nodesByAddress: ReadonlyMap<string, string>): Promise<void> {
    this.#nodesByAddress = nodesByAddress;
    await this.#configure();
  }

  /** Makes the configuration of what is desired and the network now, without waiting for the next resync. */
  async reconcile(): Promise<void> {
    await this.#configure();
  }

  /** Ends watching; may be called twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #configure(): Promise<void> {
    this.#working = this.#working.then(() => this.#configureOnce());
    return this.#working;
  }

  async #configureOnce(): Promise<void> {
    try {
      await this.#make();
    } catch (error) {
      // An error of no single instance: it is reported for all.
      const message = messageOf(error);
      this.#madeOf = undefined;
      this.#setProblems([{ instance: NODE_INSTANCE, message, shown: { as: 'node' } }]);
    }
  }

  async #make(): Promise<void> {
    const desiredNode = this.#dependencies.desiredNode();
    const { desired } = desiredNode;
    const nodesByAddress = this.#nodesByAddress;
    const passwords = await readPasswords(desired.instances);
    const network = await this.#dependencies.readNetwork();
    const managedAddresses = await this.#dependencies.managedAddresses();
    const subnets = new NodeSubnets(network, managedAddresses ?? virtualAddresses(desired));
    const starting = this.#isStarting();
    const origin = { desiredNode, nodesByAddress, node: JSON.stringify([subnets.key, [...passwords], starting]) };
    if (isSame(origin, this.#madeOf)) return;
    const resolved = resolveAll(desired.instances, subnets, {
      nodeAddress: this.#options.nodeAddress,
      nodesByAddress,
      passwords,
      before: this.#before,
      placements: this.#placements,
      starting,
    });
    const { instances } = resolved;
    // What runs goes on where nothing can be run of what is to keep its last good form, and where it is for a password: that says nothing
    // against what runs.
    const unread = [...passwords.values()].some((read) => 'problem' in read);
    const keepsRunning =
      instances.length === 0 && (unread || desired.instances.some(({ keepsLastGood }) => keepsLastGood));
    if (!keepsRunning) await this.#offer(instances, desiredNode);
    this.#place(resolved.placements);
    this.#publish(resolved, subnets.ownAddresses);
    this.#madeOf = origin;
  }

  #publish({ problems, incomplete }: Resolved, ownAddresses: readonly string[]): void {
    const published = () => JSON.stringify([this.#problems, [...this.#incomplete], this.#ownAddresses]);
    const before = published();
    this.#incomplete = incomplete;
    this.#ownAddresses = ownAddresses;
    this.#setProblems(problems);
    if (published() !== before) this.#dependencies.onChange?.();
  }

  #isStarting(): boolean {
    return this.#clock.monotonicMs() - this.#startedAtMs < STARTUP_SECONDS * 1000;
  }

  #place(placements: ReadonlyMap<string, Placement>): void {
    const before = JSON.stringify([...this.#placements]);
    this.#placements = placements;
    if (JSON.stringify([...placements]) !== before) this.#dependencies.onPlacements?.(Object.fromEntries(placements));
  }

  async #offer(resolved: readonly ResolvedInstance[], { desired, keepalived }: DesiredNode): Promise<void> {
    const instances = resolved.map(({ instance }) => instance);
    const { node, runtimeDirectory } = this.#options;
    const config = renderConfig(instances, { node, runtimeDirectory, ...keepalived });
    const offered = await this.#dependencies.offer(config);
    this.#before = new Map(resolved.map((one) => [one.instance.name, one]));
    this.#dependencies.onConfigured({ instances, sha256: sha256(config), plan: desired.plan }, offered);
  }

  #setProblems(problems: readonly InstanceProblem[]): void {
    const before = new Set(this.#problems.map(({ instance, message }) => `${instance} ${message}`));
    this.#problems = problems;
    for (const problem of problems) {
      if (!before.has(`${problem.instance} ${problem.message}`)) this.#dependencies.onProblem(problem);
    }
  }
}

function isSame(a: Origin, b: Origin | undefined): boolean {
  return a.desiredNode === b?.desiredNode && a.nodesByAddress === b.nodesByAddress && a.node === b.node;
}
