import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { parseSupervisorStatus, type SupervisorStatus } from '../../sidecar/runtime/supervisor-status.ts';
import {
  type Bind,
  type Container,
  type ExecResult,
  execInContainer,
  isRunning,
  killContainer,
  startContainer,
} from '../support/container.ts';
import { ensureImageRoot, supervisorBinds } from '../support/image-root.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { ip, ipBatch } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';

export const RUNTIME_DIR = '/run/keepalived-ingress-vip';
const STATE_DIR = '/var/lib/keepalived-ingress-vip';
const SUPERVISOR = '/usr/local/bin/supervisor';
const SIDECAR_UID = 65532;
const PREFIX = 24;

/** The image's ENTRYPOINT and args. */
export const UNDER_TINI: readonly [string, ...string[]] = ['/usr/bin/tini', '-g', '--', SUPERVISOR, 'run'];
/** The supervisor as process 1. */
export const AS_PID_1: readonly [string, ...string[]] = [SUPERVISOR, 'run'];

/** What a test varies in keepalived's configuration. */
export interface ConfigOptions {
  /** With a prefix, or /24 is meant. */
  readonly addresses: readonly string[];
  readonly priority?: number | string;
  readonly advertSeconds?: number;
  /** Further lines of the file's head, e.g. comments. */
  readonly head?: string;
  readonly device?: string;
  /** Names the instance in the comments of its addresses. */
  readonly instance?: string;
}

/** A configuration with the settings that the product uses. The first address is advertised, as the sidecar does it. */
export function config(options: ConfigOptions): string {
  const { addresses, priority = 244, advertSeconds = 0.1, head = '', device = 'eth0', instance } = options;
  const of = instance === undefined ? '' : ` ${instance}`;
  const whole = addresses.map((address) => (address.includes('/') ? address : `${address}/${PREFIX}`));
  const [advertised = '', ...excluded] = whole.map((address) => `${address} dev eth0`);
  return `${head}${whole.map((address) => `#! address eth0 ${address}${of}\n`).join('')}
global_defs {
    router_id test
    vrrp_version 3
    vrrp_notify_fifo ${RUNTIME_DIR}/notify.fifo
    vrrp_garp_master_repeat 5
    vrrp_garp_interval 0.02
    vrrp_garp_master_delay 1
    vrrp_garp_master_refresh 10
    vrrp_higher_prio_send_advert true
    vrrp_garp_lower_prio_repeat 5
    vrrp_rt_priority 50
    vrrp_rlimit_rttime 1000000
}
track_file vip_pulse {
    file ${RUNTIME_DIR}/track/vip.pulse
    weight 1
}
vrrp_instance vip {
    state BACKUP
    interface ${device}
    virtual_router_id 10
    priority ${priority}
    advert_int ${advertSeconds}
    track_file {
        vip_pulse
    }
    virtual_ipaddress {
        ${advertised}
    }
    virtual_ipaddress_excluded {
        ${excluded.join('\n        ')}
    }
}
`;
}

/** Virtual addresses in the test network. */
export const FIRST = '10.77.0.100';
export const SECOND = '10.77.0.101';
/** A configuration with the first address. */
export const GOOD = config({ addresses: [FIRST] });
/** One with both. */
export const BOTH = config({ addresses: [FIRST, SECOND] });

/** Whether tests of the supervisor have to be skipped on this machine; see {@link mustSkip}. */
export function mustSkipSupervisor(what: string): boolean {
  return mustSkip(what, [canMakeNamespaces, command('mmdebstrap')]);
}

/** A switch, and nodes on it; every node is a network namespace with one interface, eth0. */
export class TestNetwork {
  readonly #name = `svt${process.pid}`;
  readonly #nodes: TestNode[] = [];

  get #switch(): string {
    return `${this.#name}-sw`;
  }

  /** Makes the switch before the tests of the block; ends the nodes after each, and everything after the last, whatever happened. */
  register(): void {
    beforeAll(async () => {
      await ensureImageRoot();
      await this.#open();
    });
    afterEach(() => this.#closeNodes());
    afterAll(() => this.#close());
  }

  async #open(): Promise<void> {
    await ip(['netns', 'add', this.#switch]);
    await ipBatch(['link add br0 type bridge', 'link set br0 up'], this.#switch);
  }

  /** Makes a node; it has the address 10.77.0.<number>. */
  async node(): Promise<TestNode> {
    const number = this.#nodes.length + 1;
    const node = new TestNode(`${this.#name}-${number}`, `10.77.0.${number}`);
    this.#nodes.push(node);
    await ip(['netns', 'add', node.netns]);
    await ipBatch(
      [
        `link add eth0 type veth peer name port${number} netns ${this.#switch}`,
        `address add ${node.address}/${PREFIX} dev eth0`,
        'link set lo up',
        'link set eth0 up',
      ],
      node.netns,
    );
    await ipBatch([`link set port${number} master br0`, `link set port${number} up`], this.#switch);
    return node;
  }

  /** Ends the nodes' processes and takes them off the network. */
  async #closeNodes(): Promise<void> {
    for (const node of this.#nodes) {
      await node.close();
    }
  }

  async #close(): Promise<void> {
    await this.#closeNodes();
    await ip(['netns', 'delete', this.#switch]);
  }
}

/** A directory as the kubelet makes an emptyDir. */
function emptyDir(path: string): string {
  mkdirSync(path);
  chmodSync(path, 0o777);
  return path;
}

/** Tells every change of a node's addresses from now on. */
export function watchAddresses(node: TestNode): { changes: () => string; stop: () => void } {
  const path = join(node.runtime, '.addresses');
  const child = spawn('sh', ['-c', `exec ip -n ${node.netns} -o monitor address >${path}`], { stdio: 'ignore' });
  return { changes: () => node.read(path), stop: () => void child.kill() };
}

/** How a container with the supervisor is started. */
export interface StartOptions {
  /** Default: what stands for the keepalived image. */
  readonly root?: string;
  readonly argv?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly binds?: readonly Bind[];
  /** Besides those of the chart. */
  readonly capabilities?: readonly string[];
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
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
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

  /** Runs a subcommand of the supervisor in a container. */
  run(container: Container, subcommand: string, env: Readonly<Record<string, string>> = {}): Promise<ExecResult> {
    return execInContainer(container, { argv: [SUPERVISOR, subcommand], env });
  }

  /** Writes a file into the runtime directory as the sidecar does: its user, one step. */
  place(name: string, text: string, mode = 0o644): void {
    const temporary = join(this.runtime, '.test');
    writeFileSync(temporary, text);
    chmodSync(temporary, mode);
    chownSync(temporary, SIDECAR_UID, SIDECAR_UID);
    renameSync(temporary, join(this.runtime, name));
  }

  /** Offers a candidate as the sidecar does: the file, then a line in the FIFO. */
  offer(text: string, mode?: number): void {
    this.place('candidate.conf', text, mode);
    try {
      const fifo = openSync(join(this.runtime, 'supervisor.request'), constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fifo, 'candidate\n');
      closeSync(fifo);
    } catch {
      // No supervisor yet: it looks at its start.
    }
  }

  /** Waits until something is so. The limit is far below the supervisor's own look every 5 s. */
  async until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 3_000): Promise<void> {
    await waitFor(`${this.netns}: ${what}`, condition, { limitMs, everyMs: 10 }, () => this.log);
  }

  /** Whether an address is on the interface. */
  async has(address: string): Promise<boolean> {
    return (await ip(['-o', 'address', 'show', 'dev', 'eth0', 'to', address], this.netns)) !== '';
  }

  /** Starts the supervisor with a configuration and waits until the node holds its addresses. */
  async serve(text: string, options: StartOptions & { readonly address: string }): Promise<Container> {
    this.offer(text);
    const container = await this.start(options);
    await this.until(`holds ${options.address}`, () => this.has(options.address), 5_000);
    return container;
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
    if (!this.#open) {
      return;
    }
    this.#open = false;
    await Promise.all(this.#containers.filter(isRunning).map(killContainer));
    await ip(['netns', 'delete', this.netns]);
    rmSync(this.#folder, { recursive: true });
  }

  /** A number inside the container's pid namespace, as the host sees it. */
  #hostPid(container: Container, pid: number): number {
    return hostPids(container).find(({ inside }) => inside === pid)?.host ?? 0;
  }
}

interface Numbers {
  readonly host: number;
  readonly inside: number;
}

function numbersOf(pid: string): Numbers | undefined {
  try {
    const line = /^NSpid:\s+(\d+)\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return line === null ? undefined : { host: Number(line[1]), inside: Number(line[2]) };
  } catch {
    return undefined;
  }
}

function pidNamespace(pid: string | number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}

/** All processes of a container, by both numbers. */
export function hostPids(container: Container): Numbers[] {
  const namespace = pidNamespace(container.insidePid);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && pidNamespace(name) === namespace)
    .map(numbersOf)
    .filter((numbers) => numbers !== undefined);
}
