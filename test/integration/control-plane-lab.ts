import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll } from 'vitest';
import { ApiLoad } from '../clients/api-load.ts';
import { apiDirectory } from '../lab/api-objects.ts';
import { takeDown } from '../lab/down.ts';
import { readyMachine } from '../lab/machine.ts';
import { defaultVip, planNetwork } from '../lab/network-plan.ts';
import { DEFAULT_NETWORK } from '../lab/networks.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { bringUp } from '../lab/up.ts';
import { sign } from '../support/certificates.ts';
import { inNetns } from '../support/netns.ts';
import { familyOf, isAlive, killAll, type ProcessRef, signalAll } from '../support/processes.ts';
import { startServer } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';
import { LabUnderTest } from './lab-under-test.ts';

/** Port of the virtual address, and of the server on each node. */
export const PORT = 6443;
/** Far beyond what anything here takes, so that only a hang reaches it. */
const LIMIT = { limitMs: 60_000, everyMs: 50 };
/** Of who asks; a request that takes as long hung. */
const CLIENT_LIMIT_MS = 10_000;
const SERVER = join(import.meta.dirname, 'proxy/server.ts');
const CONTROL_PLANE = 'controlPlaneLoadBalancing';

/** What of a node's `/status` the tests look at. */
export interface ControlPlaneStatus {
  readonly fitness: { readonly band: number } | null;
  readonly problems: readonly string[];
  readonly controlPlane: {
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
    readonly instances: readonly { readonly name: string; readonly holder: boolean }[];
  };
  readonly proxy: {
    readonly running: boolean;
    readonly problem: string | null;
    readonly backends: readonly { readonly address: string; readonly state: string }[];
  };
}

/**
 * A lab whose nodes are a control plane: a server that stands for an API server on each, and the release's whole pod beside it, with HAProxy,
 * nftables and keepalived. The last node's certificate lacks the virtual address.
 */
export class ControlPlaneLab extends LabUnderTest {
  readonly #nodeCount: number;
  readonly #servers = new Map<string, ProcessRef>();

  constructor(options: { readonly name: string; readonly nodes: number }) {
    super(options);
    this.#nodeCount = options.nodes;
  }

  override register(): void {
    beforeAll(async () => {
      await takeDown(this.name);
      const machine = await readyMachine(() => undefined);
      const { nodes } = planNetwork(this.name, this.#nodeCount);
      const set = [
        ...[`${CONTROL_PLANE}.enabled=true`, `${CONTROL_PLANE}.type=Keepalived`],
        `${CONTROL_PLANE}.keepalived.vrrpInstances[0].virtualIPs[0]=${defaultVip(DEFAULT_NETWORK)}`,
        `${CONTROL_PLANE}.keepalived.vrrpInstances[0].authPass=secret`,
        `${CONTROL_PLANE}.backends.source=List`,
        ...nodes.map(({ address }, index) => `${CONTROL_PLANE}.backends.addresses[${index}]=${address}`),
        // What moves in a test moves for what the test does.
        ...[`${CONTROL_PLANE}.health.slowStartSeconds=0`, `${CONTROL_PLANE}.rebalance.enabled=false`],
        'keepalived.lastResort.after=2',
      ];
      const values = { files: [], set };
      await bringUp({ name: this.name, nodes: this.#nodeCount, values }, machine, () => undefined);
      await Promise.all(this.nodes.map((node) => this.startApiServer(node)));
      await this.allWell();
    });
    afterAll(() => takeDown(this.name));
  }

  /** PEM file of the authority that signed the servers' certificates. */
  get caFile(): string {
    return join(apiDirectory(this.name), 'ca.crt');
  }

  /** Starts the server of a node, where it does not run. */
  async startApiServer(node: string): Promise<void> {
    if (isAlive(this.#servers.get(node))) return;
    const directory = apiDirectory(this.name);
    const { address, netns } = this.host(node);
    const virtual = node === this.nodes.at(-1) ? [] : [`IP:${this.address}`];
    const file = `server-${node}`;
    await sign(directory, { file, subject: `/CN=${node}`, names: ['DNS:kubernetes', `IP:${address}`, ...virtual] });
    const pem = (kind: string) => join(directory, `${file}.${kind}`);
    const command = [process.execPath, SERVER, node, pem('crt'), pem('key'), String(PORT), '::'];
    const logFile = join(directory, `${file}.log`);
    const what = `the server of ${node}`;
    this.#servers.set(node, await startServer({ what, netns, command, logFile, port: PORT, limitMs: LIMIT.limitMs }));
  }

  /** A signal to the server of a node, which runs. */
  signalApiServer(node: string, signal: NodeJS.Signals): void {
    const server = this.#servers.get(node);
    if (isAlive(server)) signalAll([server.pid], signal);
  }

  /** Kills the server of a node, also one that stands still. */
  async killApiServer(node: string): Promise<void> {
    const server = this.#servers.get(node);
    if (server !== undefined) await killAll([server], LIMIT.limitMs);
  }

  /** The processes of HAProxy on a node, the master first. */
  haproxy(node: string): number[] {
    const container = this.state.nodes.find(({ name }) => name === node)?.containers.proxy;
    const family = container === undefined ? [] : familyOf(container.insidePid);
    return family.filter(({ name }) => name === 'haproxy').map(({ pid }) => pid);
  }

  /** What a node's sidecar tells; undefined while it does not. */
  async told(node: string): Promise<ControlPlaneStatus | undefined> {
    const text = await this.ask(node, '/status').catch(() => '');
    return text === '' ? undefined : (JSON.parse(text) as ControlPlaneStatus);
  }

  /** Waits until a node tells something. */
  async tells(node: string, what: string, is: (status: ControlPlaneStatus) => boolean): Promise<void> {
    let last: ControlPlaneStatus | undefined;
    const isSo = async () => {
      last = await this.told(node);
      return last !== undefined && is(last);
    };
    await waitFor(`${node}: ${what}`, isSo, LIMIT, () => JSON.stringify(last));
  }

  /** Starts what ended, lets run what stands still, and waits until every node could hold the address and one does. */
  async allWell(): Promise<string> {
    await Promise.all(this.nodes.map((node) => this.startApiServer(node)));
    await this.heal();
    for (const node of this.nodes) {
      await this.tells(node, 'is well', ({ fitness, proxy }) => {
        const up = proxy.backends.filter(({ state }) => state === 'up').length;
        return fitness?.band === 0 && up === this.#nodeCount;
      });
      await waitFor(`${node} redirects`, () => this.redirects(node), LIMIT);
    }
    return this.oneHolder();
  }

  /** Whether a node redirects the address to its proxy. */
  async redirects(node: string): Promise<boolean> {
    const [program, ...args] = inNetns(this.host(node).netns, ['nft', 'list', 'ruleset']);
    const { stdout } = await execa(program, args, { reject: false, timeout: LIMIT.limitMs });
    return stdout.includes('dnat ip');
  }

  /** Runs a command of the machine in a namespace. */
  async inNetns(netns: string, command: readonly string[]): Promise<string> {
    const [program, ...args] = inNetns(netns, command);
    return (await execa(program, args, { timeout: LIMIT.limitMs })).stdout;
  }

  /** What a container of a node has written. */
  log(node: string, container: string): string {
    return readFileSync(nodeDirectory(this.name, node).log(container), 'utf8');
  }

  /** Clients of the address: requests, and watches that are kept. */
  load(watches: number): Promise<ApiLoad> {
    const target = { targets: [`${this.address}:${PORT}`], caFile: this.caFile };
    const asked = { path: '/', watchPath: '/watch', namedBy: 'body', perSecond: 40, limitMs: CLIENT_LIMIT_MS } as const;
    return ApiLoad.start({ ...target, ...asked, watches }, { netns: this.clientNetns('regular') });
  }
}
