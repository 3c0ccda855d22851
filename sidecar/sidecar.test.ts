import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { freePort } from '../test/support/free-port.ts';
import { controlPlaneSchema } from './config/control-plane.ts';
import type { Settings } from './config/settings.ts';
import type { BgpFiles } from './parts/bgp.ts';
import { KEEPALIVED } from './runtime/keepalived-exchange.ts';
import { bgpStatusIn, type Runtime, runtimeIn } from './runtime/runtime.ts';
import type { SharedDirectory } from './runtime/shared-directory.ts';
import { SupervisedProcess } from './runtime/supervised-process.ts';
import type { SupervisorStatus } from './runtime/supervisor-status.ts';
import { TrackFiles } from './runtime/track-files.ts';
import { Sidecar } from './sidecar.ts';
import { pulse } from './status/verdicts.ts';
import { planOf } from './testing/plan.ts';
import { defaultSettings } from './testing/settings.ts';

const LIMIT = { timeout: 5000, interval: 5 };
/** An address that is on an interface of every machine: the node is the holder from the start. */
const HERE = '127.0.0.1/8';
const ELSEWHERE = '192.0.2.100/24';

type Event = { readonly gate: 0 | 1; readonly offset: number } | { readonly log: string };

/** Track files that tell what is written, in order. */
class ObservedTrackFiles extends TrackFiles {
  readonly #events: Event[];
  failures = 0;

  constructor(directory: SharedDirectory, events: Event[]) {
    super({ directory });
    this.#events = events;
  }

  override writeFitness(instance: string, { gate, offset }: { gate: 0 | 1; offset: number }): boolean {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('ENOSPC: no space left on device');
    }
    this.#events.push({ gate, offset });
    return super.writeFitness(instance, { gate, offset });
  }
}

/** keepalived's supervisor on a busy node: slow to take a candidate. */
class SlowProcess extends SupervisedProcess<SupervisorStatus> {
  override async offer(configuration: string): Promise<boolean> {
    await delay(100);
    return super.offer(configuration);
  }
}

let path: string;
let server: Server;
let events: Event[];
let tracks: ObservedTrackFiles;
let runtime: Runtime;
let sidecar: Sidecar | undefined;
const reported = vi.fn();

function makeSidecar(
  address: string,
  change: (settings: Settings) => void = () => undefined,
  nodeAddress = '192.0.2.12',
  further: { readonly bgp?: BgpFiles } = {},
): Sidecar {
  const settings = defaultSettings();
  settings.vrrp.addresses = [address];
  settings.vrrp.addressInterface = 'lo';
  settings.checks.service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
  settings.checks.kubelet.enabled = false;
  settings.checks.kubeApi.enabled = false;
  change(settings);
  const log = pino({}, { write: (line) => events.push({ log: line }) });
  sidecar = new Sidecar(
    {
      node: 'node2',
      nodeAddress,
      version: 'test',
      kubeApi: { url: undefined, caFile: '', tokenFile: '' },
      loaded: { settings, version: 'test' },
      nodes: ['node1', 'node2'],
    },
    { runtime, log, onReport: reported, ...further },
  );
  return sidecar;
}

function written(): Event[] {
  return events.filter((event) => 'gate' in event);
}

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'sidecar-'));
  events = [];
  const shared = runtimeIn(path);
  const { directory } = shared;
  tracks = new ObservedTrackFiles(directory, events);
  runtime = { ...shared, tracks, keepalived: new SlowProcess(KEEPALIVED, { directory }) };
  await tracks.prepare();
  server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  sidecar?.stop();
  sidecar = undefined;
  server.closeAllConnections();
  server.close();
  rmSync(path, { recursive: true, force: true });
});

describe('before the start', () => {
  it('nothing is decided: what the track files say is the word of a process that is gone', () => {
    const snapshot = makeSidecar(ELSEWHERE).snapshot();
    expect(snapshot).toMatchObject({ hasNodeInstance: true, fitness: undefined });
    expect(pulse(snapshot).status).toBe(503);
  });
});

describe('the first decision', () => {
  it('knows that the address is here: a restart does not make the holder a backup for a moment', async () => {
    await makeSidecar(HERE).start();
    await vi.waitFor(() => expect(written()).not.toEqual([]), LIMIT);
    expect(written()[0]).toEqual({ gate: 1, offset: 8 });
  });

  it('knows that the node is asked to drain', async () => {
    writeFileSync(join(path, 'drain'), '');
    await makeSidecar(ELSEWHERE).start();
    await vi.waitFor(() => expect(written()).not.toEqual([]), LIMIT);
    expect(written()[0]).toEqual({ gate: 1, offset: -163 });
  });
});

describe('the directory that it shares', () => {
  const HALF_WRITTEN = '.01234567-89ab-cdef-0123-456789abcdef';

  it('is rid of what an earlier process left half done, and of its answer to a request to drain', async () => {
    for (const name of ['drained', HALF_WRITTEN, `track/${HALF_WRITTEN}`]) writeFileSync(join(path, name), '');
    await makeSidecar(ELSEWHERE).start();
    expect(readdirSync(path)).not.toContain('drained');
    expect([...readdirSync(path), ...readdirSync(join(path, 'track'))]).not.toContain(HALF_WRITTEN);
  });

  it('is left alone once it has stopped', async () => {
    const running = makeSidecar(ELSEWHERE);
    await running.start();
    const stopped = [vi.spyOn(runtime.directory, 'stop'), vi.spyOn(tracks, 'stop')];
    await running.stop();
    for (const stop of stopped) expect(stop).toHaveBeenCalledOnce();
  });
});

describe('a node of the control plane', () => {
  /** Two instances whose addresses are on no interface, with a proxy for which the test's server answers. */
  function makeControlPlane(keepalived: object = {}): Sidecar {
    return makeSidecar(ELSEWHERE, (settings) => {
      settings.vrrp.addresses = [];
      settings.checks.service.url = 'http://127.0.0.1:9/nobody';
      const { port } = server.address() as AddressInfo;
      settings.controlPlaneLoadBalancing = controlPlaneSchema.parse({
        enabled: true,
        healthPort: port,
        keepalived: {
          vrrpInstances: [{ virtualIPs: ['192.0.2.103/24'] }, { virtualIPs: ['192.0.2.104/24'] }],
          ...keepalived,
        },
      });
      for (const instance of settings.controlPlaneLoadBalancing.keepalived.vrrpInstances) instance.interface = 'lo';
    });
  }

  const gates = () => ['api_1', 'api_2'].map((name) => readFileSync(join(path, `track/${name}.gate`), 'utf8').trim());

  it('is fit for every one of its addresses as long as its proxy answers, and for none at once when it is gone', async () => {
    const running = makeControlPlane();
    await running.start();
    await vi.waitFor(() => expect(gates()).toEqual(['1', '1']), LIMIT);
    const before = running.snapshot();
    expect([before.checks.proxy?.healthy, before.checks.service, before.virtualRouterId]).toEqual([
      true,
      undefined,
      51,
    ]);
    expect(readFileSync(join(path, 'candidate.conf'), 'utf8')).toMatch(
      /vrrp_instance api_1 .*192\.0\.2\.103.*vrrp_instance api_2 .*192\.0\.2\.104/s,
    );
    expect(before.controlPlane?.instances.map(({ name, virtualRouterId }) => [name, virtualRouterId])).toEqual([
      ['api_1', 51],
      ['api_2', 52],
    ]);
    expect(before.controlPlane?.conditions).toEqual([
      { type: 'CertificateLacksAddress', status: 'Unknown', message: 'no certificate was seen yet' },
    ]);
    server.closeAllConnections();
    server.close();
    await vi.waitFor(() => expect(gates()).toEqual(['0', '0']), LIMIT);
    expect(running.snapshot().fitness?.failed).toBe(true);
  });

  it('whose kernel has no IPVS says so, and is less fit for the address that IPVS is to balance than for others', async () => {
    const running = makeControlPlane({ virtualServers: [{ ipAddress: '192.0.2.103' }] });
    await running.start();
    await vi.waitFor(() => expect(gates()).toEqual(['1', '1']), LIMIT);
    const offsets = () =>
      ['api_1', 'api_2'].map((name) => Number(readFileSync(join(path, `track/${name}.offset`), 'utf8')));
    const [before, other] = offsets();
    expect(before).toBe(other);
    writeFileSync(join(path, '.status'), 'virtual_servers=unavailable\nvirtual_servers_message=no IPVS\n');
    renameSync(join(path, '.status'), join(path, 'supervisor.status'));
    await vi.waitFor(() => expect(offsets()[0]).toBeLessThan(before ?? 0), LIMIT);
    expect(offsets()[1]).toBe(other);
    const { problems, controlPlane } = running.snapshot();
    expect(problems).toContainEqual(expect.stringMatching(/^IPVSUnavailable: no IPVS; /));
    expect(controlPlane?.conditions).toContainEqual({ type: 'IPVSUnavailable', status: 'True', message: 'no IPVS' });
  });
});

describe('a request to drain', () => {
  it('that was there before the start is answered by it', async () => {
    writeFileSync(join(path, 'drain'), '');
    const starting = makeSidecar(ELSEWHERE);
    await starting.start();
    expect(starting.snapshot().drainReasons).toEqual(['requested']);
    expect(readFileSync(join(path, 'drained'), 'utf8')).toBe('moved\n');
  });
});

describe('changed settings', () => {
  it('are offered to keepalived when they were taken, and what cannot be used of them changes nothing', async () => {
    const running = makeSidecar(ELSEWHERE);
    await running.start();
    const { settings } = running;
    const offered = () => readFileSync(join(path, 'candidate.conf'), 'utf8');
    await running.update({ settings: { ...settings, vrrp: { ...settings.vrrp, virtualRouterId: 99 } }, version: 'b' });
    expect(offered()).toContain('virtual_router_id 99');
    const service = { ...settings.checks.service, caFile: join(path, 'none') };
    await running.update({ settings: { ...settings, checks: { ...settings.checks, service } }, version: 'c' });
    expect(offered()).toContain('virtual_router_id 99');
    expect(running.snapshot().config).toMatchObject({
      version: 'b',
      rejected: { errors: [expect.stringMatching(/^checks\.service\.caFile: .*ENOENT/)] },
    });
  });
});

describe('what keepalived said while no sidecar ran', () => {
  it('counts when one is back: foreign routers are looked for, and the state is known', async () => {
    const fifo = join(path, 'notify.fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(fd, 'INSTANCE "vip" BACKUP 244\n');
    const running = makeSidecar(ELSEWHERE);
    await running.start();
    await vi.waitFor(() => expect(running.snapshot().holder.vrrp.state).toBe('BACKUP'), LIMIT);
    await vi.waitFor(() => expect(existsSync(join(path, 'statistics.wanted'))).toBe(true), LIMIT);
    closeSync(fd);
  });
});

describe('a decision', () => {
  it('is written before it is talked about: clients wait for the gate, not for the log', async () => {
    await makeSidecar(ELSEWHERE).start();
    await vi.waitFor(() => expect(written()).toEqual([{ gate: 1, offset: -10 }]), LIMIT);
    events.length = 0;
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect(written()).not.toEqual([]), LIMIT);
    expect(events[0]).toMatchObject({ gate: 0 });
  });

  it.each([
    ['kubelet', 'kubelet check failed', -90],
    ['kubeApi', 'cannot reach the Kubernetes API', -50],
  ] as const)('counts a failed %s check for what it means', async (name, reason, offset) => {
    const url = `https://127.0.0.1:${await freePort()}/`;
    await makeSidecar(ELSEWHERE, ({ checks }) => {
      checks[name] = { ...checks[name], enabled: true, url, failureThreshold: 1 };
    }).start();
    await vi.waitFor(() => expect(sidecar?.snapshot().fitness).toMatchObject({ reason, gate: 1, offset }), LIMIT);
    expect(written().at(-1)).toEqual({ gate: 1, offset });
  });

  it('is written again when that failed', async () => {
    tracks.failures = 1;
    await makeSidecar(ELSEWHERE).start();
    await vi.waitFor(() => expect(written()).toEqual([{ gate: 1, offset: -10 }]), LIMIT);
    expect(events.some((event) => 'log' in event && event.log.includes('cannot write the track files'))).toBe(true);
  });
});

describe('a plan', () => {
  const plan = planOf('p1', 2, { rank: 1 });
  const supervise = (config = readFileSync(join(path, 'candidate.conf'))) => {
    const digest = createHash('sha256').update(config).digest('hex');
    writeFileSync(join(path, '.status'), `candidate_sha256=${digest}\nresult=accepted\nrunning_sha256=${digest}\n`);
    renameSync(join(path, '.status'), join(path, 'supervisor.status'));
  };
  const gate = (name: string) => readFileSync(join(path, `track/${name}.gate`), 'utf8');

  it('is reported on with the families that the node can announce, when they change, too', async () => {
    const told = bgpStatusIn(path);
    const tell = (state: string) =>
      writeFileSync(
        join(path, 'bird.status'),
        `uptime=${uptime()}\nstate=running\nbird=x  BGP  ---\nbird=  BGP state:  ${state}\nbird=    Neighbor address: 192.0.2.251\n`,
      );
    const settings = (enabled: boolean) => (known: Settings) => {
      known.bgp = { enabled };
    };
    tell('Active');
    const bgp = { bgp: told, bfd: told };
    expect(makeSidecar(ELSEWHERE, settings(false), undefined, { bgp }).planStatus()).not.toHaveProperty('bgpFamilies');
    const running = makeSidecar(ELSEWHERE, settings(true), undefined, { bgp });
    await running.start();
    expect(running.planStatus().bgpFamilies).toEqual([]);
    const seen: unknown[] = [];
    reported.mockImplementation(() => seen.push(running.planStatus().bgpFamilies));
    onTestFinished(() => void reported.mockReset());
    tell('Established');
    await vi.waitFor(() => expect(seen).toContainEqual(['IPv4']), LIMIT);
  });

  it('is carried out beside the settings, reported when keepalived runs it, and taken back with its files', async () => {
    const running = makeSidecar(ELSEWHERE);
    await running.start();
    await vi.waitFor(() => expect(gate('vip')).toBe('1\n'), LIMIT);
    reported.mockClear();
    running.plan.begin(undefined);
    running.plan.observe(plan);
    // At once: keepalived is to find them when it reads of the instances.
    expect([gate('default-0'), gate('default-1')]).toEqual(['1\n', '1\n']);
    const config = () => readFileSync(join(path, 'candidate.conf'), 'utf8');
    await vi.waitFor(() => expect(config()).toContain('vrrp_instance default-1'), LIMIT);
    expect(running.planStatus()).not.toHaveProperty('observedPlan');
    supervise();
    await vi.waitFor(() => expect(running.planStatus().observedPlan).toBe('p1'), LIMIT);
    expect(running.planStatus()).toMatchObject({
      agentVersion: 'test',
      held: [],
      heldCount: 0,
      health: [{ pool: 'default', band: 0, reason: 'healthy' }],
    });
    expect(reported).toHaveBeenCalled();

    running.plan.observe(null);
    expect([gate('default-0'), gate('default-1')]).toEqual(['0\n', '0\n']);
    await vi.waitFor(() => expect(config()).not.toContain('vrrp_instance default'), LIMIT);
    supervise();
    await vi.waitFor(
      () => expect(readdirSync(join(path, 'track')).toSorted()).toEqual(['vip.gate', 'vip.offset']),
      LIMIT,
    );
    expect(gate('vip')).toBe('1\n');
  });

  it('with a pool that is wrong changes the others, keeps that one as it was, and is reported with the reason', async () => {
    const starting = makeSidecar(ELSEWHERE);
    starting.plan.begin(plan);
    await starting.start();
    reported.mockClear();
    const wrong = plan.pools.map((pool) => ({ ...pool, interface: 'vlan10@eth0' }));
    const other = { name: 'other', interface: '', failbackDelaySeconds: null };
    const added = { name: 'other-0', pool: 'other', virtualRouterId: 90, rank: 0, addresses: ['192.0.2.190'] };
    starting.plan.observe({ plan: 'p2', pools: [...wrong, other], instances: [...plan.instances, added] });
    const config = () => readFileSync(join(path, 'candidate.conf'), 'utf8');
    await vi.waitFor(() => expect(config()).toContain('vrrp_instance other-0'), LIMIT);
    expect(config()).toContain('vrrp_instance default-1');
    supervise();
    await vi.waitFor(() => expect(starting.planStatus().observedPlan).toBe('p2'), LIMIT);
    expect(starting.planStatus().problems).toEqual([
      expect.stringMatching(/^pool default: interface: "vlan10@eth0" is no interface .*; it goes on as it was$/),
    ]);
    expect(reported).toHaveBeenCalled();
  });

  it('that cannot be read at all is reported at once, and at once when that is over', async () => {
    const starting = makeSidecar(ELSEWHERE);
    starting.plan.begin(plan);
    await starting.start();
    reported.mockClear();
    starting.plan.observe({ plan: 'p2', pools: 'none' });
    expect(reported).toHaveBeenCalledOnce();
    starting.plan.observe(plan);
    expect(reported).toHaveBeenCalledTimes(2);
  });

  it('that was known before is in force from the start, and files of others are gone', async () => {
    writeFileSync(join(path, 'track/gone-0.gate'), '1\n');
    const starting = makeSidecar(ELSEWHERE);
    starting.plan.begin(plan);
    await starting.start();
    expect(readFileSync(join(path, 'candidate.conf'), 'utf8')).toContain('vrrp_instance default-0');
    expect(existsSync(join(path, 'track/gone-0.gate'))).toBe(false);
    await vi.waitFor(() => expect(gate('default-0')).toBe('1\n'), LIMIT);
  });

  it('drains with the node, and shows what keeps an instance from running', async () => {
    const starting = makeSidecar(ELSEWHERE);
    starting.plan.begin(undefined);
    starting.plan.observe(planOf('p2', 1, { addresses: ['192.0.2.100'] }));
    await starting.start();
    expect(starting.planStatus().problems).toEqual([expect.stringContaining('192.0.2.100 is already used by vip')]);
    await vi.waitFor(() => expect(gate('default-0')).toBe('1\n'), LIMIT);
    await starting.drain('SIGTERM');
    expect(starting.snapshot().instances[0]?.fitness).toMatchObject({ band: 3, gate: 1 });
  });

  it('drains an instance that it lets leave, and no other, until it lets it stay', async () => {
    const [first, second] = plan.instances;
    if (first === undefined || second === undefined) throw new Error('the plan has two instances');
    const leaving = { ...plan, plan: 'p3', instances: [{ ...first, leaving: true }, second] };
    const starting = makeSidecar(ELSEWHERE);
    starting.plan.begin(leaving);
    await starting.start();
    const fitness = () => starting.snapshot().instances.map((instance) => instance.fitness);
    await vi.waitFor(() => expect(fitness()).toMatchObject([{ gate: 1 }, { gate: 1 }]), LIMIT);
    expect(fitness()).toMatchObject([{ reason: 'draining' }, { reason: 'healthy' }]);
    expect(fitness()[0]?.priority).toBeLessThan(fitness()[1]?.priority ?? 0);
    expect(starting.snapshot().fitness?.reason).toBe('healthy');
    starting.plan.observe({ ...leaving, plan: 'p4', instances: [first, second] });
    expect(fitness()).toMatchObject([{ reason: 'healthy' }, { reason: 'healthy' }]);
    starting.plan.observe({ ...leaving, plan: 'p5', instances: [first, { ...second, leaving: true }] });
    expect(fitness()).toMatchObject([{ reason: 'healthy' }, { reason: 'draining' }]);
  });

  describe('with a delay of failback that is longer than the process is up', () => {
    const pools = plan.pools.map((pool) => ({ ...pool, failbackDelaySeconds: 86_400 }));
    const delayed = { ...plan, pools, instances: plan.instances.map((instance) => ({ ...instance, rank: 0 })) };
    /** What the instances of the plan get on a node to which the API tells this. */
    const prioritiesAfter = async (change: (running: Sidecar) => void): Promise<(number | undefined)[]> => {
      const running = makeSidecar(ELSEWHERE);
      running.plan.begin(undefined);
      await running.start();
      await vi.waitFor(() => expect(gate('vip')).toBe('1\n'), LIMIT);
      change(running);
      return running.snapshot().instances.map(({ fitness }) => fitness?.priority);
    };

    it('waits for nothing on a node that had no plan: there is nothing to come back from', async () => {
      const priorities = await prioritiesAfter((running) => {
        running.plan.observe(null);
        running.plan.observe(delayed);
      });
      expect(priorities).toEqual([244, 244]);
    });

    it('waits for nothing on a node that never reported on its plan', async () => {
      expect(await prioritiesAfter((running) => running.plan.observe(delayed, false))).toEqual([244, 244]);
    });

    it('waits for it on a node that returns, also with what is planned for it later', async () => {
      const more = { ...delayed, plan: 'p9', instances: [...delayed.instances] };
      const priorities = await prioritiesAfter((running) => {
        running.plan.observe({ ...delayed, instances: delayed.instances.slice(0, 1) });
        running.plan.observe(more);
      });
      expect(priorities).toEqual([213, 213]);
    });
  });

  it('has pools that ask for the same checked once, by one check that is told with the names of all', async () => {
    const asked: (string | undefined)[] = [];
    server.on('request', ({ url }: IncomingMessage) => asked.push(url));
    const { port } = server.address() as AddressInfo;
    const pool = (name: string, path: string) => {
      return { name, interface: '', failbackDelaySeconds: null, healthCheck: { httpGet: { port, path } } };
    };
    const running = makeSidecar(ELSEWHERE);
    running.plan.begin({ ...plan, pools: [pool('a', '/x'), pool('b', '/x'), pool('c', '/y')], instances: [] });
    await running.start();
    const verdicts = () => running.snapshot().pools.map(({ healthy }) => healthy);
    await vi.waitFor(() => expect(verdicts()).toEqual([true, true, true]), LIMIT);
    expect(asked.toSorted()).toEqual(['/healthz', '/x', '/y']);
    const changes = events.flatMap((event) => {
      if (!('log' in event) || !event.log.includes('"check changed"')) return [];
      const { check, pools, healthy } = JSON.parse(event.log);
      return [{ check, pools, healthy }];
    });
    expect(changes).toHaveLength(3);
    expect(changes).toEqual(
      expect.arrayContaining([
        { check: 'service', pools: undefined, healthy: true },
        { check: 'service', pools: ['a', 'b'], healthy: true },
        { check: 'service', pools: ['c'], healthy: true },
      ]),
    );
  });

  it('has a pool that counts on endpoints of the node’s own asked at its address, and gives the gate to no failure of it', async () => {
    const asked: (string | undefined)[] = [];
    let ready = false;
    const proxy = createServer((request, response) => {
      asked.push(request.url);
      response.writeHead(ready ? 200 : 503).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const { port } = proxy.address() as AddressInfo;
    const running = makeSidecar(ELSEWHERE, undefined, '127.0.0.1');
    running.plan.begin({ ...plan, pools: plan.pools.map((pool) => ({ ...pool, localEndpoints: { port } })) });
    await running.start();
    const fitness = () => running.snapshot().instances.map((instance) => instance.fitness);
    const without = { band: 3, gate: 1, failed: false, reason: 'no ready endpoint of the Service on this node' };
    await vi.waitFor(() => expect(fitness()).toMatchObject(plan.instances.map(() => without)), LIMIT);
    expect(new Set(asked)).toEqual(new Set(['/healthz']));
    expect(running.snapshot().pools).toMatchObject([
      { healthy: true, localEndpoints: { target: `http://127.0.0.1:${port}/healthz`, ready: false } },
    ]);
    const reason = without.reason;
    expect(running.planStatus()).toMatchObject({ health: [{ pool: 'default', band: 3, reason }], problems: [] });
    ready = true;
    await vi.waitFor(() => expect(fitness()).toMatchObject(plan.instances.map(() => ({ band: 0 }))), LIMIT);
    const changes = events.filter((event) => 'log' in event && event.log.includes('"check":"localEndpoints"'));
    expect(changes).toHaveLength(2);
  });

  it('closes the gates of a pool whose own check fails, and no others; the node’s check those of all that have none', async () => {
    const broken = await freePort();
    const own = { ...plan.pools[0], name: 'own', interface: '', failbackDelaySeconds: null };
    const [first] = plan.instances;
    if (first === undefined) throw new Error('the plan has an instance');
    const running = makeSidecar(ELSEWHERE);
    running.plan.begin({
      ...plan,
      pools: [...plan.pools, { ...own, healthCheck: { httpGet: { port: broken, path: '/' } } }],
      instances: [first, { ...first, name: 'own-0', pool: 'own', virtualRouterId: 90, addresses: ['192.0.2.190'] }],
    });
    await running.start();
    await vi.waitFor(() => expect(gate('own-0')).toBe('0\n'), LIMIT);
    await vi.waitFor(() => expect([gate('vip'), gate('default-0')]).toEqual(['1\n', '1\n']), LIMIT);
    const mended = createServer((_request, response) => response.end('ok')).listen(broken, '127.0.0.1');
    await once(mended, 'listening');
    await vi.waitFor(() => expect(running.snapshot().instances[1]?.fitness?.reason).toBe('healthy'), LIMIT);
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect([gate('vip'), gate('default-0')]).toEqual(['0\n', '0\n']), LIMIT);
    expect(gate('own-0')).toBe('1\n');
    mended.close();
    mended.closeAllConnections();
  });

  it('that comes does not have the CA of the settings read again: nothing of them changed', async () => {
    const caFile = join(path, 'ca.crt');
    writeFileSync(caFile, 'one');
    const running = makeSidecar(ELSEWHERE, (settings) => {
      settings.checks.service.caFile = caFile;
    });
    running.plan.begin(undefined);
    await running.start();
    await vi.waitFor(() => expect(running.snapshot().checks.service?.healthy).toBe(true), LIMIT);
    rmSync(caFile);
    running.plan.observe(plan);
    expect(running.snapshot().checks.service?.healthy).toBe(true);
    expect(gate('default-0')).toBe('1\n');
  });

  it('has its pools checked as changed settings ask for it', async () => {
    const { port } = server.address() as AddressInfo;
    const running = makeSidecar(ELSEWHERE);
    const healthCheck = { httpGet: { port, path: '/other' } };
    running.plan.begin({ ...plan, pools: plan.pools.map((pool) => ({ ...pool, healthCheck })) });
    await running.start();
    const pool = () => running.snapshot().pools[0];
    await vi.waitFor(() => expect(pool()).toMatchObject({ healthy: true, check: { own: true } }), LIMIT);
    const { settings } = running.snapshot();
    const change = (url: string) => {
      const service = { ...settings.checks.service, url };
      return running.update({ settings: { ...settings, checks: { ...settings.checks, service } }, version: url });
    };
    // The node checks just that itself, so that nothing is asked twice.
    await change(`http://127.0.0.1:${port}/other`);
    expect(pool()?.check).toMatchObject({ own: false });
    expect(running.snapshot().checks.service?.target).toContain('/other');
    await change(`http://127.0.0.1:${port}/healthz`);
    expect(pool()?.check).toMatchObject({ own: true });
    expect(running.snapshot().checks.service?.target).toContain('/healthz');
    await vi.waitFor(() => expect(pool()?.healthy).toBe(true), LIMIT);
    // And as the plan does.
    const tcpSocket = { port };
    running.plan.observe({
      ...plan,
      plan: 'p8',
      pools: plan.pools.map((one) => ({ ...one, healthCheck: { tcpSocket } })),
    });
    expect(pool()?.check.target).toContain('tcp://');
  });
});
