import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemTimers } from '../../common/clock.ts';
import { closedAtOnce, OldWorkers } from '../../sidecar/proxy/old-workers.ts';
import { RuntimeApi } from '../../sidecar/proxy/runtime-api.ts';
import { PROXY_FILES } from '../../sidecar/runtime/proxy-exchange.ts';
import { monotonicMs } from '../support/clock.ts';
import { type Container, execInContainer, isRunning } from '../support/container.ts';
import { ensureImageRoot } from '../support/image-root.ts';
import { BIND_PORT, LIMIT_MS, PROXY_UID, type ProxyNode, proxyConfig, proxyNodes } from './proxy-node.ts';
import { mustSkipSupervisor } from './supervisor/network.ts';

const skip = mustSkipSupervisor('the supervisor with the real HAProxy');

const KIBIBYTES_A_MEGABYTE = 1000 / 1.024;
const OTHER_PORT = 9345;
const LIMIT = { limitMs: LIMIT_MS, everyMs: 20 };
const SECOND_PORT = 7001;
/** Column of `show stat`: seconds since a server changed its state. */
const LAST_CHANGE = 23;

/** Two servers that get a connection each in turn, and must say what is said to them. */
const CHECKED = `backend api
    balance roundrobin
    timeout check 200ms
    option tcp-check
    tcp-check send hello
    tcp-check expect string hello
    server first 127.0.0.1:7000 check inter 100ms
    server second 127.0.0.1:${SECOND_PORT} check inter 100ms
`;
/** As the node's own server. */
const OTHER_SERVER = `require('node:net').createServer((socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
}).listen(${SECOND_PORT}, '127.0.0.1', () => console.log('listens'));`;

function kibibytes(node: ProxyNode, file: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(node.read(file))?.[1]);
}

/** A server that has a port which HAProxy is asked to have. */
const TAKEN = `require('node:net').createServer().listen(${OTHER_PORT}, '::', () => console.log('taken'));
process.stdin.on('data', () => process.exit(0));`;

async function ended(node: ProxyNode, container: Container): Promise<void> {
  await node.until('ends', () => !isRunning(container));
}

describe.skipIf(skip)('the supervisor of HAProxy', () => {
  beforeAll(() => ensureImageRoot(undefined, 'proxy'));
  const make = proxyNodes();

  it('starts HAProxy only with a valid configuration, as the pod’s user and with no right', async () => {
    const node = await make();
    const container = await node.start();
    await node.until('waits', () => node.log.includes('waiting for a valid configuration'));
    expect((await node.run(container, 'check')).exitCode).toBe(0);

    node.offer(`${proxyConfig()}frontend other\n    bimd :1\n`);
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.status).toMatchObject({ haproxyPid: undefined, runningSha256: '', rejectedTotal: 1, workersTotal: 0 });
    expect(node.status.messages.join('\n')).toMatch(/^\[ALERT\] .*candidate\.conf:16\] : unknown keyword 'bimd'/m);
    expect(node.log).toContain('refused the candidate: haproxy is not started');

    node.offer(proxyConfig());
    await node.until('runs', () => node.answers(container));
    expect(node.status).toMatchObject({ result: 'accepted', messages: [], acceptedTotal: 1, workersTotal: 1 });
    expect(node.status.runningSha256).toBe(node.status.candidateSha256);
    expect(node.status.haproxyVersion).toMatch(/^\d+\.\d+\.\d+/);
    const clients = await node.clients();
    await clients.ask('open 3', /^open 3$/m);
    await node.until('answers', () => node.answers(container));

    const { master, workers } = node.haproxy(container);
    for (const pid of [master, ...workers]) {
      const status = node.read(`/proc/${pid}/status`);
      expect(status).toMatch(new RegExp(`^Uid:\\s+${PROXY_UID}\\s+${PROXY_UID}\\s`, 'm'));
      expect(status).toMatch(/^CapEff:\s0+$/m);
      expect(status).toMatch(/^CapBnd:\s0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s1$/m);
    }
    for (const socket of [PROXY_FILES.adminSocket, PROXY_FILES.masterSocket])
      expect(statSync(join(node.runtime, socket)).mode & 0o777).toBe(0o600);
    const { stderr } = await execInContainer(container, { argv: ['/bin/mkdir', '/usr/local/bin/new'] });
    expect(stderr).toContain('cannot create directory');
  });

  it('refuses a candidate without its backends, and takes it when they are there', async () => {
    const node = await make();
    const backends = node.read(join(node.runtime, PROXY_FILES.backends));
    node.place(PROXY_FILES.backends, '');
    node.offer(proxyConfig());
    const container = await node.start();
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.status.messages.join('\n')).toMatch(/unable to find required default_backend: 'api'/);
    node.place(PROXY_FILES.backends, backends);
    // Nobody asks for a look: it is the supervisor's own.
    await node.until('runs', () => node.runs);
    expect(isRunning(container)).toBe(true);
  });

  it('goes on serving, and with the same worker, when a candidate is invalid', async () => {
    const node = await make();
    const container = await node.serve();
    const before = node.haproxy(container);
    const running = node.status.runningSha256;
    const clients = await node.clients();
    await clients.ask('open 20', /^open 20$/m);
    node.offer('frontend\n');
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.log).toContain('refused the candidate: haproxy goes on with the configuration it has');
    expect(node.status).toMatchObject({ runningSha256: running, workersTotal: 1 });
    await clients.ask('open 20', /^open 40$/m);
    await clients.ask('ask', /^answered 40$/m);
    expect(node.haproxy(container)).toEqual(before);
  });

  it('reloads without losing a connection, neither one that is open nor one that is just opened', async () => {
    const node = await make();
    const container = await node.serve();
    const clients = await node.clients();
    await clients.ask('open 50', /^open 50$/m);
    clients.tell('begin');
    for (const turn of [2, 3]) {
      node.offer(proxyConfig({ comment: `turn ${turn}` }));
      await node.until(`reloads: ${turn}`, () => node.status.workersTotal === turn);
    }
    const [, answered] = await clients.ask('end', /^ended (\d+ failed .*)$/m);
    expect(answered).toMatch(/ failed 0 /);
    await clients.ask('ask', /^answered 50$/m);
    expect(node.status.reloadFailure).toBeUndefined();
    expect(node.status.runningSha256).toBe(node.status.candidateSha256);
    await node.until('answers', () => node.answers(container));
    // The runtime API is the newest worker's, which has none of the connections of before.
    const { workers } = node.haproxy(container);
    expect(workers.length).toBeGreaterThanOrEqual(2);
    expect(await node.admin('show info')).toMatch(/^CurrConns: 0$/m);
  });

  it('has an old worker rid of its connections by and by after a reload, as the sidecar closes them', async () => {
    const node = await make();
    const container = await node.serve();
    const clients = await node.clients();
    const [before] = node.haproxy(container).workers;
    await clients.ask('open 60', /^open 60$/m);
    node.offer(proxyConfig({ comment: 'another one' }));
    await node.until('has an old worker', () => node.haproxy(container).workers.length === 2);
    const closed: number[] = [];
    const oldWorkers = new OldWorkers({
      master: new RuntimeApi({ socket: join(node.runtime, PROXY_FILES.masterSocket), timeoutMs: LIMIT_MS }),
      onClosed: (_, sessions) => closed.push(sessions),
      timers: systemTimers,
    });
    oldWorkers.start();
    try {
      await node.until('the old worker has ended', () => !node.haproxy(container).workers.includes(before ?? 0));
    } finally {
      oldWorkers.stop();
    }
    // With its last connections it ends, which may be before it answers.
    const most = closedAtOnce(60);
    expect([60, 60 - most]).toContain(closed.reduce((sum, sessions) => sum + sessions, 0));
    expect(Math.max(...closed)).toBeLessThanOrEqual(most);
    await clients.until('all closed', () => clients.output.includes('closed 60'), { limitMs: LIMIT_MS });
  });

  it('goes on with what it had when a port cannot be had, says so, and stays healthy', async () => {
    const node = await make();
    const taken = await node.program('the other server', TAKEN, 'taken');
    const container = await node.serve();
    const { master, workers } = node.haproxy(container);
    const clients = await node.clients();
    await clients.ask('open 20', /^open 20$/m);
    const running = node.status.runningSha256;
    for (const turn of [1, 2]) {
      node.offer(proxyConfig({ ports: [BIND_PORT, OTHER_PORT], comment: `turn ${turn}` }));
      await node.until(`fails: ${turn}`, () => node.log.split('HAProxy could not be reloaded').length > turn);
    }
    await node.until('says so', () => node.status.reloadFailure !== undefined && node.status.runningSha256 === running);
    expect(node.status.reloadFailure).toMatch(new RegExp(`Address already in use.*:${OTHER_PORT}`));
    expect(node.status).toMatchObject({ result: 'accepted', workersTotal: 1 });
    expect(node.read(join(node.runtime, PROXY_FILES.running))).toBe(proxyConfig());
    await clients.ask('open 20', /^open 40$/m);
    await clients.ask('ask', /^answered 40$/m);
    expect(node.haproxy(container)).toEqual({ master, workers });
    await node.until('answers', () => node.answers(container));
    taken.tell('end');
    await taken.closed;
    node.offer(proxyConfig({ ports: [BIND_PORT, OTHER_PORT], comment: 'free' }));
    await node.until('reloads', () => node.status.workersTotal === 2);
    expect(node.status.reloadFailure).toBeUndefined();
    await clients.ask('ask', /^answered 40$/m);
  });

  it('finds out how a reload went whose answer was lost', async () => {
    const node = await make();
    await node.program('the other server', TAKEN, 'taken');
    const container = await node.serve();
    node.offer(proxyConfig({ ports: [BIND_PORT, OTHER_PORT] }));
    await node.loseAnswer(container);
    await node.until('says so', () => node.status.reloadFailure !== undefined);
    expect(node.status.reloadFailure).toMatch(new RegExp(`Address already in use.*:${OTHER_PORT}`));
    expect(node.read(join(node.runtime, PROXY_FILES.running))).toBe(proxyConfig());
    await node.until('answers', () => node.answers(container));
  });

  it.each([['worker'], ['master']] as const)(
    'ends when the %s is killed, and serves again when its container is started again, whatever the candidate is by then',
    async (which) => {
      const node = await make();
      const container = await node.serve();
      const { master, workers } = node.haproxy(container);
      node.place('candidate.conf', 'nonsense\n');
      process.kill(which === 'master' ? master : (workers[0] ?? 0), 'SIGKILL');
      await ended(node, container);
      expect(node.log).toMatch(/HAProxy ended by itself: ending with its code" pid="\d+" exit_code="137"/);
      expect(node.status).toMatchObject({ haproxyPid: undefined, runningSha256: '' });
      const again = await node.start();
      await node.until('runs', () => node.answers(again));
      expect(node.log).toContain('going on with the configuration that ran before');
      const clients = await node.clients();
      await clients.ask('open 3', /^open 3$/m);
    },
  );

  it('fails its liveness probe while the worker does not answer', async () => {
    const node = await make();
    const container = await node.serve();
    const [worker = 0] = node.haproxy(container).workers;
    // Else it would end what does not answer.
    process.kill(node.watcher(container), 'SIGSTOP');
    process.kill(worker, 'SIGSTOP');
    const { exitCode, stdout } = await node.run(container, 'check');
    process.kill(worker, 'SIGCONT');
    expect([exitCode, stdout]).toEqual([
      1,
      expect.stringContaining('HAProxy’s worker does not answer'.replace('’', "'")),
    ]);
    await node.until('answers again', async () => (await node.run(container, 'check')).exitCode === 0);
  });

  it('ends a worker that hangs: its clients are told, and it serves again when its container is started again', async () => {
    const node = await make();
    const container = await node.serve();
    const clients = await node.clients();
    await clients.ask('open 5', /^open 5$/m);
    const stoppedMs = monotonicMs();
    process.kill(node.haproxy(container).workers[0] ?? 0, 'SIGSTOP');
    await clients.until('are told', () => clients.output.includes('closed 5'), LIMIT);
    const toldMs = Math.round(monotonicMs() - stoppedMs);
    process.stderr.write(`clients of a worker that hangs were told after ${toldMs} ms\n`);
    await ended(node, container);
    expect(node.log).toContain("HAProxy's worker hangs: ending HAProxy");
    expect(node.log).toMatch(/ending with its code" pid="\d+" exit_code="137"/);
    const again = await node.start();
    await node.until('runs', () => node.answers(again));
    await clients.ask('open 1', /^open 6$/m);
  });

  it('closes connections to a server that is down when no sidecar does, and leaves them to it while there is one', async () => {
    const node = await make();
    node.place(PROXY_FILES.backends, CHECKED);
    const second = await node.program('the second server', OTHER_SERVER, 'listens');
    const pulse = setInterval(() => node.place(PROXY_FILES.pulse, `${monotonicMs()}\n`), 300);
    try {
      await node.serve();
      const clients = await node.clients();
      await clients.ask('open 10', /^open 10$/m);
      process.kill(second.pid, 'SIGSTOP');
      const isDown = async () => {
        const line = (await node.admin('show stat -1 4 -1')).split('\n').find((each) => each.startsWith('api,second,'));
        return Number(line?.split(',')[LAST_CHANGE]) >= 5 && line?.includes(',DOWN,') === true;
      };
      await node.until('is down for a while', isDown);
      expect(clients.output).not.toContain('closed');
      clearInterval(pulse);
      await clients.until('are told', () => clients.output.includes('closed 5'), LIMIT);
      await clients.ask('ask', /^answered 5$/m);
      expect(node.log).toMatch(/no sidecar looks after the servers: closed the connections .* server="api\/second"/);
    } finally {
      clearInterval(pulse);
    }
  });

  it('stops in order: takes nothing new, lets connections go on for a while, and then closes them', async () => {
    const node = await make();
    const container = await node.serve(undefined, { env: { STOP_SECONDS: '4' } });
    const [early, late] = [await node.clients(), await node.clients()];
    await early.ask('open 5', /^open 5$/m);
    process.kill(container.insidePid, 'SIGTERM');
    const opened = async () => (await late.ask('open 1', /^open (\d+|failed: \S+)$/m))[1];
    await node.until('takes nothing new', async () => (await opened()) === 'failed: ECONNREFUSED');
    await early.ask('ask', /^answered 5$/m);
    await early.until('is closed', () => early.output.includes('closed 5'), { limitMs: 30_000, everyMs: 20 });
    await ended(node, container);
    expect(node.log).toContain('closing the connections that are left');
    expect(node.log).toContain('stopped HAProxy');
    expect(node.log).not.toContain('killing it');
  });

  it('stops at once when nobody is connected', async () => {
    const node = await make();
    const container = await node.serve(undefined, { env: { STOP_SECONDS: '3600' } });
    process.kill(container.insidePid, 'SIGTERM');
    await ended(node, container);
    expect(node.log).not.toContain('closing the connections that are left');
  });

  it('needs little memory for 1000 idle connections', async () => {
    const node = await make();
    const container = await node.serve();
    const { master, workers } = node.haproxy(container);
    const [worker = 0] = workers;
    const figures = (): string => {
      const all = [worker, master].map((pid) => ({
        resident: kibibytes(node, `/proc/${pid}/status`, 'VmRSS'),
        own: kibibytes(node, `/proc/${pid}/smaps_rollup`, 'Private_Dirty'),
      }));
      const megabytes = (size: number): string => (size / KIBIBYTES_A_MEGABYTE).toFixed(1);
      return all
        .map(({ resident, own }) => `${megabytes(resident)} MB resident (${megabytes(own)} of it its own)`)
        .join(', master ');
    };
    const idle = figures();
    const clients = await node.clients();
    await clients.ask('open 1000', /^open 1000$/m);
    process.stderr.write(`HAProxy without connections: worker ${idle}\nHAProxy with 1000: worker ${figures()}\n`);
    expect(kibibytes(node, `/proc/${worker}/status`, 'VmRSS')).toBeLessThanOrEqual(20 * KIBIBYTES_A_MEGABYTE);
    await clients.ask('ask', /^answered 1000$/m);
  });
});
