import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSupervisorStatus, type SupervisorStatus } from '../../../sidecar/runtime/supervisor-status.ts';
import { monitorAddresses } from '../../support/address-monitor.ts';
import {
  type Bind,
  type Container,
  type ExecResult,
  execInContainer,
  isRunning,
  killContainer,
  pidsInside,
  startContainer,
} from '../../support/container.ts';
import { ensureImageRoot, supervisorBinds } from '../../support/image-root.ts';
import { ip, ipBatch } from '../../support/netns.ts';
import { emptyDir, offer, place, readIfThere, wakeSupervisor } from '../../support/runtime-directory.ts';
import { eventsWithLooks, type Looks } from '../../support/supervisor-looks.ts';
import { waitFor } from '../../support/wait.ts';
import { RUNTIME_DIR } from './config.ts';

const STATE_DIR = '/var/lib/keepalived-ingress-vip';
const SUPERVISOR = '/usr/local/bin/supervisor';
/** Comes and goes on lo to show that a watch sees what happens. */
const MARK = '127.77.77.77';

/** The image's ENTRYPOINT and args. */
export const UNDER_TINI: readonly [string, ...string[]] = ['/usr/bin/tini', '-g', '--', SUPERVISOR, 'run'];
/** The supervisor as process 1. */
export const AS_PID_1: readonly [string, ...string[]] = [SUPERVISOR, 'run'];

/** How a container with the supervisor is started. */
export interface StartOptions {
  /** Default: what stands for the keepalived image. */
  readonly root?: string;
  readonly argv?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly binds?: readonly Bind[];
  /** Besides those of the chart. */
  readonly capabilities?: readonly string[];
  /** How often the supervisor looks without being woken. Never, unless a test asks for it. */
  readonly looks?: Looks;
}

/** A node, with the volumes of one pod, in which containers with the supervisor (or with anything else) run. */
export class TestNode {
  readonly netns: string;
  /** Its own address, which stays. */
  readonly address: string;
  readonly runtime: string;
  readonly state: string;
  readonly #folder: string;
  readonly #containers: Container[] = [];
  readonly #monitors: ChildProcess[] = [];
  #open = true;

  constructor(netns: string, address: string) {
    this.netns = netns;
    this.address = address;
    this.#folder = mkdtempSync(join(tmpdir(), `${netns}-`));
    this.runtime = emptyDir(join(this.#folder, 'runtime'));
    this.state = join(this.#folder, 'state');
    mkdirSync(this.state);
  }

  /** What all containers of this node have written. */
  get log(): string {
    return this.read(join(this.#folder, 'log'));
  }

  /** How often the containers have written something. */
  logged(text: string): number {
    return this.log.split(text).length - 1;
  }

  /** The supervisor's status file. */
  get status(): SupervisorStatus {
    return parseSupervisorStatus(this.read(join(this.runtime, 'supervisor.status')));
  }

  /** The supervisor's list of addresses, one a line, as it lies on the host. */
  get listed(): string[] {
    return this.read(join(this.state, 'addresses')).split('\n').filter(Boolean);
  }

  /** Content of a file, empty when there is none. */
  read(path: string): string {
    return readIfThere(path);
  }

  /** Empties the runtime directory: a new pod gets a new one, only the state lies on the host. */
  forgetRuntime(): void {
    rmSync(this.runtime, { recursive: true });
    emptyDir(this.runtime);
  }

  /** The runtime directory of another pod on this node. */
  otherRuntime(): string {
    return emptyDir(join(this.#folder, 'other-runtime'));
  }

  /** Starts the supervisor as the pod does. */
  async start(options: StartOptions = {}): Promise<Container> {
    const container = await startContainer({
      netns: this.netns,
      root: options.root ?? (await ensureImageRoot()),
      argv: options.argv ?? UNDER_TINI,
      binds: [
        ...supervisorBinds(),
        ...eventsWithLooks(options.looks ?? 'never', this.#folder),
        { host: this.runtime, container: RUNTIME_DIR, readOnly: false },
        { host: this.state, container: STATE_DIR, readOnly: false },
        ...(options.binds ?? []),
      ],
      tmpfs: ['/tmp'],
      capabilities: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE', ...(options.capabilities ?? [])],
      ...(options.env === undefined ? {} : { env: options.env }),
      logFile: join(this.#folder, 'log'),
    });
    this.#containers.push(container);
    return container;
  }

  /** Starts the supervisor, and waits until it says that it has nothing to run yet. */
  async startIdle(options: StartOptions = {}): Promise<Container> {
    const container = await this.start(options);
    await this.until('waits', () => this.log.includes('waiting for a valid configuration'));
    return container;
  }

  /** Starts the supervisor with a configuration, and waits until the node holds its addresses and the status tells of keepalived. */
  async serve(text: string, options: StartOptions & { readonly address: string }): Promise<Container> {
    this.offer(text);
    const container = await this.start(options);
    const serves = async () => (await this.has(options.address)) && this.status.keepalivedPid !== undefined;
    await this.until(`holds ${options.address}`, serves);
    return container;
  }

  /** Runs a subcommand of the supervisor in a container. */
  run(container: Container, subcommand: string, env: Readonly<Record<string, string>> = {}): Promise<ExecResult> {
    return execInContainer(container, { argv: [SUPERVISOR, subcommand], env });
  }

  /** Writes a file into the runtime directory as the sidecar does: its user, one step. */
  place(name: string, text: string, mode?: number): void {
    place(this.runtime, name, text, mode);
  }

  /** Wakes the supervisor as the sidecar does: by a line in the FIFO. */
  wake(): void {
    wakeSupervisor(this.runtime);
  }

  /** Offers a candidate as the sidecar does: the file, then a line in the FIFO. */
  offer(text: string, mode?: number): void {
    offer(this.runtime, text, mode);
  }

  /** Waits until something is so. How soon that is, is shown by what wakes the supervisor, not by a limit: see supervisor-looks.ts. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await waitFor(`${this.netns}: ${what}`, condition, { everyMs: 10 }, () => this.log);
  }

  /** Waits until a container has ended. */
  async untilEnded(container: Container): Promise<void> {
    await this.until('has ended', () => !isRunning(container));
  }

  /** Whether an address is on the interface. */
  async has(address: string): Promise<boolean> {
    return (await ip(['-o', 'address', 'show', 'dev', 'eth0', 'to', address], this.netns)) !== '';
  }

  /**
   * Watches the node's addresses, but for those that every interface has by itself.
   * @returns asks for every change since, as `+10.77.0.100` or `-10.77.0.100`
   */
  async watchAddresses(): Promise<() => Promise<string[]>> {
    const seen: string[] = [];
    this.#monitors.push(
      monitorAddresses(this.netns, (_atMs, { added, address }) => seen.push(`${added ? '+' : '-'}${address}`)),
    );
    // The kernel tells in order: who has seen a mark has seen all that was before.
    const seeMark = async (): Promise<void> => {
      const before = seen.length;
      const isSeen = async () => {
        await ipBatch([`address add ${MARK}/32 dev lo`, `address delete ${MARK}/32 dev lo`], this.netns);
        return seen.indexOf(`-${MARK}`, before) >= 0;
      };
      await waitFor(`a watch of ${this.netns}`, isSeen);
    };
    await seeMark();
    const begin = seen.length;
    return async () => {
      await seeMark();
      return seen.slice(begin).filter((change) => !/^.(127\.|fe80:)/.test(change));
    };
  }

  /** Host number of keepalived's main process, as a child of the supervisor. */
  keepalivedPid(container: Container): number {
    return this.#hostPid(container, this.status.keepalivedPid ?? 0);
  }

  /** Host number of keepalived's VRRP process. */
  vrrpPid(container: Container): number {
    return this.#hostPid(container, Number(this.read(join(this.runtime, 'pid/vrrp.pid'))));
  }

  /** Ends the containers, the namespace and the files; may be called twice. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const monitor of this.#monitors) monitor.kill();
    await Promise.all(this.#containers.filter(isRunning).map(killContainer));
    await ip(['netns', 'delete', this.netns]);
    rmSync(this.#folder, { recursive: true });
  }

  /** A number inside the container's pid namespace, as the host sees it. */
  #hostPid(container: Container, pid: number): number {
    const found = pidsInside(container).find(({ inside }) => inside === pid);
    if (found === undefined) throw new Error(`${this.netns} has no process ${pid} inside: ${this.log}`);
    return found.host;
  }
}
