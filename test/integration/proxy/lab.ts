import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock, systemTimers } from '../../../common/clock.ts';
import type { ProxySettings } from '../../../sidecar/config/control-plane.ts';
import { Balancer, type BalancerEvent } from '../../../sidecar/proxy/balancer.ts';
import { readSessions } from '../../../sidecar/proxy/observed.ts';
import { planOf } from '../../../sidecar/proxy/plan.ts';
import { type ProxyPlace, renderProxy } from '../../../sidecar/proxy/render.ts';
import { RuntimeApi } from '../../../sidecar/proxy/runtime-api.ts';
import type { Backend } from '../../../sidecar/proxy/sections.ts';
import { defaultProxySettings } from '../../../sidecar/testing/proxy.ts';
import { ApiLoad, type ApiLoadOptions } from '../../clients/api-load.ts';
import { makeCertificate, type ServerCertificate } from '../../support/certificates.ts';
import { monotonicMs } from '../../support/clock.ts';
import { haproxyCommand } from '../../support/haproxy.ts';
import { addNetns, HOST_SYSCTLS, inNetns, ip, ipBatch, SWITCH_SYSCTLS, sysctl } from '../../support/netns.ts';
import { Program } from '../../support/program.ts';
import { waitFor } from '../../support/wait.ts';

const PREFIX = `kivp${process.pid}`;
const SWITCH = `${PREFIX}s`;
const PROXY = `${PREFIX}p`;
const LIMIT = { limitMs: 20_000 };
const SERVER_PORT = 6443;
const BIND_PORT = 6444;
const HEALTH_PORT = 10_272;
/** Of curl(1): refused, or no way there; time-outs have another. */
const COULD_NOT_CONNECT = 7;

/** The settings that users have who say nothing, without slow start and with little time for who is not ready. */
export function proxySettings(given: Partial<ProxySettings> = {}): ProxySettings {
  const settings = defaultProxySettings(given);
  const health = { ...settings.health, slowStartSeconds: 0, notReadyShutdownAfterSeconds: 1 };
  return { ...settings, health, rebalance: { ...settings.rebalance, enabled: false } };
}

/** One that stands for an API server, in a namespace of its own. */
class ServerNode {
  readonly name: string;
  readonly address: string;
  readonly #certificate: ServerCertificate;
  #child: ChildProcess | undefined;

  constructor(index: number, certificate: ServerCertificate) {
    this.name = `cp${index}`;
    this.address = `10.97.0.${10 + index}`;
    this.#certificate = certificate;
  }

  get netns(): string {
    return `${PREFIX}${this.name}`;
  }

  async start(): Promise<void> {
    const { certFile, keyFile } = this.#certificate;
    const script = join(import.meta.dirname, 'server.ts');
    const args = [script, this.name, certFile, keyFile, String(SERVER_PORT), this.address];
    this.#child = startChild(this.netns, args);
    await once(this.#child, 'message', { signal: AbortSignal.timeout(LIMIT.limitMs) });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  readyz(status: number): void {
    this.#child?.send({ readyz: status });
  }

  /** Its cable is pulled, at the switch's side; the node itself does not notice. */
  async cut(): Promise<void> {
    await ip(['link', 'set', `${this.name}s`, 'nomaster'], SWITCH);
  }

  async heal(): Promise<void> {
    await ip(['link', 'set', `${this.name}s`, 'master', 'br0'], SWITCH);
  }

  /** Makes it anew where it ended or stands still. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

function startChild(netns: string, args: readonly string[]): ChildProcess {
  const [program, ...words] = inNetns(netns, [process.execPath, ...args]);
  return spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** HAProxy with servers in namespaces that are joined by a switch, and the sidecar's balancer beside it. */
export class ProxyLab {
  readonly directory = mkdtempSync(join(tmpdir(), 'proxy-lab-'));
  readonly servers: ServerNode[] = [];
  readonly events: (BalancerEvent & { readonly atMs: number })[] = [];
  readonly #ready = new Map<string, boolean>();
  readonly balancer: Balancer;
  readonly #place: ProxyPlace & { readonly ca: { readonly file: string } };
  #ca = '';
  #haproxy: Program | undefined;
  #settings: ProxySettings;

  private constructor(settings: ProxySettings) {
    this.#settings = settings;
    this.#place = {
      adminSocket: join(this.directory, 'admin.sock'),
      ca: { file: join(this.directory, 'ca.pem'), sha256: '' },
      ipv6: true,
    };
    this.balancer = new Balancer({
      commands: this.api,
      // From where HAProxy connects.
      refuses: ({ address }) => this.#refuses(address),
      // No node is lost here.
      accepts: () => Promise.resolve(true),
      ready: (address) => this.#ready.get(address),
      mayRebalance: () => true,
      onEvent: (event) => this.events.push({ ...event, atMs: monotonicMs() }),
      clock: systemClock,
      timers: systemTimers,
    });
  }

  /** Makes it all; down() must follow, also when it fails. */
  static async up(settings: ProxySettings, servers = 3): Promise<ProxyLab> {
    const lab = new ProxyLab(settings);
    const certificate = await makeCertificate(lab.directory, ['10.97.0.1']);
    lab.#ca = readFileSync(certificate.caFile, 'utf8');
    for (const netns of [SWITCH, PROXY]) await addNetns(netns);
    await sysctl(SWITCH, SWITCH_SYSCTLS);
    await ipBatch(['link add br0 type bridge', 'link set br0 up'], SWITCH);
    await attach(PROXY, 'proxy', '10.97.0.1');
    for (let index = 1; index <= servers; index += 1) {
      const server = new ServerNode(index, certificate);
      lab.servers.push(server);
      await addNetns(server.netns);
      await attach(server.netns, server.name, server.address);
    }
    await Promise.all(lab.servers.map((server) => server.start()));
    return lab;
  }

  get api(): RuntimeApi {
    return new RuntimeApi({ socket: join(this.directory, 'admin.sock') });
  }

  backends(...indices: number[]): Backend[] {
    return indices.map((index) => ({ address: this.servers[index - 1]?.address ?? '', port: SERVER_PORT }));
  }

  /** Writes the configuration and starts HAProxy with it. @throws Error when HAProxy refuses it */
  async startHaproxy(backends: readonly Backend[], ca = this.#ca): Promise<void> {
    const { main, backends: sections } = renderProxy(this.#settings, backends, this.#place);
    writeFileSync(this.#place.ca.file, ca);
    const files = [join(this.directory, 'haproxy.conf'), join(this.directory, 'backends.cfg')];
    writeFileSync(files[0] ?? '', main);
    writeFileSync(files[1] ?? '', sections);
    const [program, ...words] = inNetns(PROXY, [...(await haproxyCommand()), ...files.flatMap((file) => ['-f', file])]);
    await execa(program, [...words, '-c']);
    this.#haproxy = new Program('haproxy', spawn(program, [...words, '-db'], { stdio: ['ignore', 'pipe', 'pipe'] }));
    await this.#haproxy.until('a runtime API', () => this.api.run('show info').then(Boolean, () => false), LIMIT);
  }

  private get haproxy(): Program {
    if (this.#haproxy === undefined) throw new Error('HAProxy was not started');
    return this.#haproxy;
  }

  async stopHaproxy(): Promise<void> {
    await this.#haproxy?.stop();
    this.#haproxy = undefined;
  }

  /** An authority that has signed no server's certificate. */
  async otherCa(): Promise<string> {
    const directory = join(this.directory, 'other');
    mkdirSync(directory, { recursive: true });
    return readFileSync((await makeCertificate(directory, [])).caFile, 'utf8');
  }

  /** Sessions that HAProxy has with a server. */
  async sessionsOf(name: string): Promise<number> {
    const address = this.servers.find((server) => server.name === name)?.address;
    return readSessions(await this.sessions()).filter(({ server }) => server === address).length;
  }

  /** What HAProxy shall have from now on. */
  want(backends: readonly Backend[], settings: ProxySettings = this.#settings): void {
    this.#settings = settings;
    this.balancer.accept(planOf(settings, backends, this.#place));
  }

  async #refuses(address: string): Promise<boolean> {
    const [program, ...words] = inNetns(PROXY, [
      'curl',
      '-s',
      '--max-time',
      '0.1',
      `telnet://${address}:${SERVER_PORT}`,
    ]);
    const { exitCode } = await execa(program, words, { reject: false, stdin: 'ignore' });
    return exitCode === COULD_NOT_CONNECT;
  }

  /** What is known of a server's /readyz. */
  setReady(index: number, ready: boolean): void {
    this.#ready.set(this.servers[index - 1]?.address ?? '', ready);
  }

  async states(expected: Readonly<Record<string, string>>): Promise<void> {
    const desired = JSON.stringify(expected);
    const seen = () =>
      Object.fromEntries(
        this.balancer.backends.map(({ address, state }) => [
          this.servers.find((s) => s.address === address)?.name,
          state,
        ]),
      );
    await waitFor(
      `servers ${desired}`,
      () => JSON.stringify(seen()) === desired,
      LIMIT,
      () => JSON.stringify(seen()),
    );
  }

  /** Clients in the proxy's namespace. */
  load(given: Partial<ApiLoadOptions> = {}): Promise<ApiLoad> {
    const options: ApiLoadOptions = {
      ...{ targets: [`10.97.0.1:${BIND_PORT}`], caFile: join(this.directory, 'ca.crt') },
      ...{ path: '/', watchPath: '/watch', namedBy: 'body', perSecond: 100, watches: 30, limitMs: 3000, ...given },
    };
    return ApiLoad.start(options, { netns: PROXY });
  }

  /** Status of the proxy's own health. */
  async health(path = '/ready'): Promise<number> {
    const [program, ...words] = inNetns(PROXY, ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}']);
    const { stdout } = await execa(program, [...words, `http://127.0.0.1:${HEALTH_PORT}${path}`], { reject: false });
    return Number(stdout);
  }

  /** Sessions that have no client, or that wait for nobody. */
  async sessions(): Promise<string> {
    return this.api.run('show sess');
  }

  /** Resident memory of HAProxy. */
  get residentBytes(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.haproxy.pid}/status`, 'utf8'))?.[1]) * 1024;
  }

  async down(): Promise<void> {
    this.balancer.stop();
    await this.#haproxy?.stop();
    for (const server of this.servers) await server.stop();
    const all = [PROXY, SWITCH, ...this.servers.map(({ netns }) => netns)];
    await Promise.all(all.map((netns) => ip(['netns', 'delete', netns]).catch(() => '')));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function attach(netns: string, name: string, address: string): Promise<void> {
  await sysctl(netns, HOST_SYSCTLS);
  await ip(['link', 'add', `${name}s`, 'netns', SWITCH, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns]);
  await ipBatch([`link set ${name}s master br0`, `link set ${name}s up`], SWITCH);
  await ipBatch(['link set lo up', `address add ${address}/24 dev eth0`, 'link set eth0 up'], netns);
}
