import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Settings } from '../config/settings.ts';
import { InstanceError, resolveInstance, type VrrpInstance } from './instance.ts';
import type { NetworkView } from './network.ts';
import { renderConfig } from './render.ts';

interface ConfiguratorOptions {
  readonly instanceName: string;
  readonly node: string;
  readonly nodeAddress: string;
  readonly runtimeDirectory: string;
}

interface ConfiguratorDependencies {
  readonly readNetwork: () => Promise<NetworkView>;
  /** Offers a configuration to the supervisor; true when it was a new one. */
  readonly offer: (config: string) => Promise<boolean>;
  /** Called when a new configuration was offered, with its SHA-256, by which the supervisor tells what runs. */
  readonly onOffered: (instance: VrrpInstance, sha256: string) => void;
  /** Called when the settings cannot be carried out on this node, once per reason; it is tried again. */
  readonly onProblem: (message: string) => void;
}

const LOOK_SECONDS = 5;

/** Turns settings and the node's network into keepalived's configuration, now and whenever one of them changes. */
export class Configurator {
  readonly #options: ConfiguratorOptions;
  readonly #dependencies: ConfiguratorDependencies;
  #settings: Settings;
  #timer: NodeJS.Timeout | undefined;
  #problem: string | null = null;
  #instance: VrrpInstance | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(options: ConfiguratorOptions & { settings: Settings }, dependencies: ConfiguratorDependencies) {
    this.#options = options;
    this.#settings = options.settings;
    this.#dependencies = dependencies;
  }

  /** Why the settings cannot be carried out here at the moment; null when they are. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The instance that was offered last. */
  get instance(): VrrpInstance | undefined {
    return this.#instance;
  }

  /** Offers a first configuration and begins to watch the network: an interface may come later, or get another address. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#configure(), LOOK_SECONDS * 1000);
    await this.#configure();
  }

  /** Takes new settings. */
  async update(settings: Settings): Promise<void> {
    this.#settings = settings;
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
      const instance = await this.#resolve();
      const config = renderConfig(instance, this.#renderOptions());
      const offered = await this.#dependencies.offer(config);
      this.#problem = null;
      this.#instance = instance;
      if (offered) this.#dependencies.onOffered(instance, createHash('sha256').update(config).digest('hex'));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#problem) this.#dependencies.onProblem(message);
      this.#problem = message;
    }
  }

  async #resolve(): Promise<VrrpInstance> {
    const { vrrp } = this.#settings;
    const authPassword = vrrp.authPasswordFile === '' ? undefined : await readPassword(vrrp.authPasswordFile);
    return resolveInstance(vrrp, await this.#dependencies.readNetwork(), {
      name: this.#options.instanceName,
      nodeAddress: this.#options.nodeAddress,
      ...(authPassword === undefined ? {} : { authPassword }),
    });
  }

  #renderOptions() {
    const { address, port } = this.#settings.server;
    return {
      node: this.#options.node,
      runtimeDirectory: this.#options.runtimeDirectory,
      pulseUrl: `http://${address.includes(':') ? `[${address}]` : address}:${port}/pulse`,
      debug: this.#settings.vrrp.debug,
    };
  }
}

async function readPassword(path: string): Promise<string> {
  const password = (await readFile(path, 'utf8')).trim();
  // keepalived cuts what is longer, silently; a quote or a blank would end the word in its configuration.
  if (!/^[\x21\x23-\x7e]{1,8}$/.test(password) || password.includes('\\')) {
    throw new InstanceError(
      'keepalived.authPassword: is not 1 to 8 printable ASCII characters without blank, quote and backslash; change it',
    );
  }
  return password;
}
