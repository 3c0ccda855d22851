import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { defaultProxySettings } from '../testing/proxy.ts';
import { Balancer, type BalancerEvent } from './balancer.ts';
import { planOf } from './plan.ts';
import { RuntimeApiError } from './runtime-api.ts';
import type { Backend } from './sections.ts';

const HEAD =
  '# be_name srv_name srv_addr srv_op_state srv_admin_state srv_check_status srv_check_result srv_check_health srv_port';
const STATISTICS_HEAD = '# pxname,svname,scur,weight,type,check_desc,last_chk,stot,bout,check_rise,check_fall,';
const place = { adminSocket: '/admin.sock', ca: null, ipv6: true };

interface FakeServer {
  up: boolean;
  admin: number;
  /** Its last check failed. */
  failing?: boolean;
  /** The next one is under way. */
  checking?: boolean;
  /** Connections that it was given. */
  begun?: number;
  /** What it said in those that ended. */
  said?: number;
}

/** The result of the last check, and HAProxy's count. */
function checkOf({ up, failing, checking }: Omit<FakeServer, 'admin'>): string {
  if (!up) return '2 0';
  if (failing) return checking ? '0 3' : '2 3';
  return '3 4';
}

/** Stands for HAProxy: it has servers, does what it is told, and remembers it. */
class FakeHaproxy {
  readonly servers = new Map<string, FakeServer>();
  readonly told: string[] = [];
  sessions: string[] = [];
  answers = true;
  refusal = '';

  run(commands: string): Promise<string> {
    if (!this.answers) return Promise.reject(new RuntimeApiError('nobody answers'));
    if (commands === 'show servers state') return Promise.resolve(this.#states());
    if (commands === 'show sess') return Promise.resolve(this.sessions.join('\n'));
    if (commands.startsWith('show stat')) return Promise.resolve(this.#statistics());
    this.told.push(commands);
    if (this.refusal !== '') return Promise.resolve(this.refusal);
    for (const command of commands.split('; ')) this.#do(command.split(' '));
    return Promise.resolve('\n');
  }

  #do([verb, what, key = '', field, state]: string[]): void {
    if (verb === 'add') this.servers.set(key, { up: true, admin: 1 });
    if (verb === 'del') this.servers.delete(key);
    const server = this.servers.get(key);
    if (verb !== 'set' || what !== 'server' || field !== 'state' || server === undefined) return;
    server.admin = { ready: 0, maint: 1, drain: 8 }[state ?? ''] ?? 0;
  }

  #states(): string {
    const rows = [...this.servers].map(([key, { up, admin, ...checks }]) => {
      const [section, name] = key.split('/');
      return `${section} ${name} ${name} ${up ? 2 : 0} ${admin} 9 ${checkOf({ up, ...checks })} 6443`;
    });
    return ['1', HEAD, ...rows, ''].join('\n');
  }

  #statistics(): string {
    const count = (key: string) =>
      this.sessions.filter((line) => line.includes(` be=${key.replace('/', ' srv=')} `)).length;
    const rows = [...this.servers].map(
      ([key, { begun = 0, said = 0 }]) => `${key.replace('/', ',')},${count(key)},100,2,a check,,${begun},${said},2,3,`,
    );
    return [STATISTICS_HEAD, ...rows, ''].join('\n');
  }
}

/** @param said flags of what its server said: that it said something */
function session(id: number, server: string, state = 8, age = '9s', said = '80048000'): string {
  return `0x${id}: proto=tcpv4 fe=api be=api srv=${server} ts=00 age=${age} rq[f=848000h] rp[f=${said}h] scf=[8,0h] scb=[${state},1h] exp=1d`;
}

let haproxy: FakeHaproxy;
let time: ManualTime;
let balancer: Balancer;
let events: BalancerEvent[];
let refusing: Set<string>;
let unready: Set<string>;
/** What becomes of the next try to connect to a server. */
let accepted: PromiseWithResolvers<boolean>;
let rebalance: boolean;
/** By how much the wall clock is behind, since somebody set it back. */
let behindMs: number;

const settings = defaultProxySettings();
const backends = (...names: string[]): Backend[] => names.map((address) => ({ address, port: 6443 }));
const accept = (...names: string[]) => balancer.accept(planOf(settings, backends(...names), place));
const states = () => balancer.backends.map(({ address, state }) => `${address} ${state}`);

/** Lets time pass, and looks. */
async function pass(milliseconds: number): Promise<void> {
  await time.advance(milliseconds);
  await balancer.poll();
}

beforeEach(async () => {
  haproxy = new FakeHaproxy();
  time = new ManualTime();
  events = [];
  refusing = new Set();
  unready = new Set();
  accepted = Promise.withResolvers();
  rebalance = true;
  behindMs = 0;
  balancer = new Balancer({
    commands: haproxy,
    refuses: ({ name }) => Promise.resolve(refusing.has(name)),
    accepts: () => accepted.promise,
    ready: (address) => !unready.has(address),
    mayRebalance: () => rebalance,
    onEvent: (event) => events.push(event),
    clock: { monotonicMs: () => time.monotonicMs(), wallMs: () => time.wallMs() - behindMs },
    timers: time,
  });
  accept('a', 'b', 'c');
  await balancer.poll();
  await balancer.poll();
  haproxy.told.length = 0;
  events.length = 0;
});

const down = (name: string) => {
  const server = haproxy.servers.get(`api/${name}`);
  if (server !== undefined) server.up = false;
};

describe('the balancer', () => {
  it('has HAProxy have the servers that it shall have, and says nothing when it has them', async () => {
    expect(states()).toEqual(['a up', 'b up', 'c up']);
    await pass(100);
    expect(haproxy.told).toEqual([]);
  });

  it('does all anew when HAProxy was started anew', async () => {
    haproxy.servers.clear();
    await pass(100);
    expect([...haproxy.servers.keys()].toSorted()).toEqual(
      ['a', 'b', 'c'].flatMap((name) => [`api-unchecked/${name}`, `api/${name}`]).toSorted(),
    );
  });

  it('closes what is connected to a server that is down at once, and what is left when nothing can be connecting', async () => {
    haproxy.sessions = [session(1, 'b'), session(2, 'b', 5), session(3, 'a')];
    down('b');
    await pass(100);
    expect(haproxy.told).toEqual(['shutdown session 0x1']);
    await pass(340);
    expect(haproxy.told).toHaveLength(1);
    await pass(10);
    expect(haproxy.told[1]).toBe('shutdown sessions server api/b; shutdown sessions server api-unchecked/b');
    expect(events).toContainEqual({ kind: 'closed', why: 'the server is down', servers: 'api/b', sessions: 1 });
    expect(events).toContainEqual(expect.objectContaining({ kind: 'state', server: 'api/b', up: false }));
  });

  it('leaves to a server that is late what it has, while clients have answers of it', async () => {
    haproxy.sessions = [session(1, 'b')];
    const server = haproxy.servers.get('api/b');
    if (server === undefined) throw new Error('b is missing');
    server.failing = true;
    await pass(25);
    server.said = 100;
    await pass(25);
    down('b');
    await pass(25);
    expect(haproxy.told.filter((told) => told.startsWith('shutdown'))).toEqual([]);
    await pass(500);
    expect(haproxy.told).toContain('shutdown sessions server api/b; shutdown sessions server api-unchecked/b');
  });

  it('goes by what HAProxy counts up to, not by thresholds of the settings that it does not have yet', async () => {
    const health = { ...settings.health, failureThreshold: settings.health.failureThreshold + 2 };
    balancer.accept(planOf({ ...settings, health }, backends('a', 'b', 'c'), place));
    haproxy.sessions = [session(1, 'b')];
    down('b');
    await pass(100);
    expect(haproxy.told[0]).toBe('shutdown session 0x1');
    expect(balancer.backends.map(({ doubt }) => doubt)).toEqual([null, null, null]);
  });

  it('does not take for a sign of life what a server is told to have said in the connections that were closed here', async () => {
    haproxy.sessions = [session(1, 'b'), session(2, 'b', 5)];
    down('b');
    await pass(100);
    expect(haproxy.told).toEqual(['shutdown session 0x1']);
    const server = haproxy.servers.get('api/b');
    if (server !== undefined) server.said = 5000;
    await pass(50);
    await pass(300);
    expect(haproxy.told[1]).toBe('shutdown sessions server api/b; shutdown sessions server api-unchecked/b');
  });

  it('leaves to a server that refuses what it has, until it is silent', async () => {
    haproxy.sessions = [session(1, 'b')];
    refusing.add('b');
    down('b');
    await pass(100);
    await pass(3000);
    expect(haproxy.told).toEqual([]);
    refusing.clear();
    await pass(600);
    expect(haproxy.told).toEqual(['shutdown sessions server api/b; shutdown sessions server api-unchecked/b']);
  });

  it('gives an API server that is not ready nothing new, closes what it has after its time, and goes on with it', async () => {
    haproxy.sessions = [session(1, 'b')];
    unready.add('b');
    await pass(100);
    expect(states()).toEqual(['a up', 'b draining', 'c up']);
    expect(haproxy.told).toEqual(['set server api/b state drain']);
    await pass(9000);
    expect(haproxy.told).toHaveLength(1);
    await pass(1000);
    expect(haproxy.told).toContain('shutdown sessions server api/b');
    haproxy.sessions = [];
    unready.clear();
    await pass(100);
    expect(haproxy.told.at(-1)).toBe('set server api/b state ready');
  });

  it('keeps its times when the wall clock is set back', async () => {
    haproxy.sessions = [session(1, 'b')];
    unready.add('b');
    await pass(100);
    behindMs = 3_600_000;
    await pass(9000);
    expect(haproxy.told).toHaveLength(1);
    await pass(1000);
    expect(haproxy.told).toContain('shutdown sessions server api/b');
  });

  it('gives one nothing new whose last check failed, until it passes one or is down', async () => {
    const server = haproxy.servers.get('api/b');
    if (server === undefined) throw new Error('b is missing');
    server.failing = true;
    await pass(25);
    expect(haproxy.told).toEqual(['set server api/b state drain']);
    expect(balancer.backends[1]).toMatchObject({ state: 'draining', doubt: 'its last check failed' });
    server.checking = true;
    await pass(25);
    expect(haproxy.told).toHaveLength(1);
    server.checking = false;
    server.failing = false;
    await pass(25);
    expect(haproxy.told[1]).toBe('set server api/b state ready');
  });

  it('gives one nothing new that accepts connections and says nothing, long before its checks tell', async () => {
    const server = haproxy.servers.get('api/b');
    if (server === undefined) throw new Error('b is missing');
    haproxy.sessions = [session(1, 'b', 8, '0s', '80008000'), session(2, 'b', 8, '0s', '80008000')];
    server.begun = 2;
    await pass(50);
    expect(haproxy.told).toEqual([]);
    const other = haproxy.servers.get('api/a');
    if (other !== undefined) other.said = 100;
    await pass(75);
    expect(haproxy.told).toEqual(['set server api/b state drain']);
  });

  it('gives one nothing new whose node may be lost, until it accepts a connection', async () => {
    await balancer.lost('b');
    expect(haproxy.told).toEqual(['set server api/b state drain']);
    accepted.resolve(true);
    await time.advance(0);
    await balancer.poll();
    expect(haproxy.told[1]).toBe('set server api/b state ready');
  });

  it('leaves it to the checks what becomes of one that does not accept: after a second it is as any other', async () => {
    await balancer.lost('b');
    accepted.resolve(false);
    await pass(900);
    expect(haproxy.told).toHaveLength(1);
    await pass(100);
    expect(haproxy.told[1]).toBe('set server api/b state ready');
  });

  it('gives one whose node may be lost all the same where there is no other, and knows none that is no API server', async () => {
    down('a');
    unready.add('c');
    await pass(100);
    haproxy.told.length = 0;
    await balancer.lost('b');
    await balancer.lost('192.0.2.77');
    expect(haproxy.told).not.toContain('set server api/b state drain');
    expect(states()).toEqual(['a down', 'b up', 'c up']);
  });

  it('looks more often while it is unsure of a server', async () => {
    balancer.start();
    await balancer.poll();
    const server = haproxy.servers.get('api/b');
    if (server !== undefined) server.begun = 20;
    await time.advance(100);
    await balancer.poll();
    let looks = 0;
    const run = haproxy.run.bind(haproxy);
    haproxy.run = (commands) => {
      if (commands === 'show servers state') looks += 1;
      return run(commands);
    };
    await time.advance(25);
    balancer.stop();
    expect(looks).toBe(1);
  });

  it('lets a server go that is not to be there any more, after its time', async () => {
    accept('a', 'b');
    await pass(100);
    expect(states()).toEqual(['a up', 'b up', 'c leaving']);
    await pass(10_000);
    await pass(100);
    await pass(100);
    expect(states()).toEqual(['a up', 'b up']);
    expect(haproxy.servers.has('api-unchecked/c')).toBe(false);
  });

  it('closes sessions that HAProxy forgot', async () => {
    haproxy.sessions = [session(7, 'b', 10)];
    await pass(30_000);
    expect(haproxy.told).toEqual([]);
    await pass(1000);
    expect(haproxy.told).toEqual(['shutdown session 0x7']);
  });

  it('evens out, and not while the node gives its addresses away', async () => {
    haproxy.sessions = Array.from({ length: 60 }, (_, index) => session(index, index % 2 === 0 ? 'a' : 'b'));
    rebalance = false;
    await pass(300);
    await pass(2000);
    expect(haproxy.told).toEqual([]);
    rebalance = true;
    await pass(300);
    await pass(1100);
    expect(haproxy.told.join('; ').split('; ')).toHaveLength(20);
    expect(events).toContainEqual({ kind: 'closed', why: 'others have fewer', servers: 'a, b', sessions: 20 });
  });

  it('says once that HAProxy does not answer, and when it does again', async () => {
    haproxy.answers = false;
    await pass(100);
    await pass(100);
    expect(balancer.problem).toBe('nobody answers');
    haproxy.answers = true;
    await pass(100);
    expect(balancer.problem).toBeNull();
    const problems = events.flatMap((event) => (event.kind === 'unreachable' ? [event.problem] : []));
    expect(problems).toEqual(['nobody answers', null]);
  });

  it('says once what HAProxy refuses, and tries again', async () => {
    haproxy.refusal = 'No such backend.\n';
    haproxy.servers.delete('api/a');
    await pass(100);
    await pass(100);
    expect(haproxy.told).toHaveLength(2);
    expect(events.filter(({ kind }) => kind === 'refused')).toHaveLength(1);
  });

  it('looks again and again from its start on, and no more when it was stopped', async () => {
    balancer.start();
    await balancer.poll();
    haproxy.servers.clear();
    await time.advance(100);
    await balancer.poll();
    expect(haproxy.servers.size).toBe(6);
    balancer.stop();
    balancer.stop();
    haproxy.servers.clear();
    await time.advance(1000);
    expect(haproxy.servers.size).toBe(0);
  });
});
