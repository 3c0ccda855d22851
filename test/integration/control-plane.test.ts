import { describe, expect, it } from 'vitest';
import type { ApiLoad, ApiLoadReport } from '../clients/api-load.ts';
import { OpenConnections } from '../clients/open-connections.ts';
import { monotonicMs } from '../support/clock.ts';
import { command, mustSkip } from '../support/needs.ts';
import { signalAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { ControlPlaneLab, PORT } from './control-plane-lab.ts';
import { LAB_NEEDS } from './lab-under-test.ts';

const skip = mustSkip('a control plane whose own parts fail', [command('nft'), ...LAB_NEEDS]);
const LIMIT = { limitMs: 60_000, everyMs: 50 };
const WATCHES = 12;
/** Clients' ports, below those that the kernel chooses from. */
const CLIENT_PORTS = 9000;
/** A lab of two nodes is up within a quarter of a minute; each fault takes some seconds. */
const TEST_LIMIT_MS = 240_000;

describe.skipIf(skip)('a control plane whose own parts fail', { timeout: TEST_LIMIT_MS }, () => {
  const lab = new ControlPlaneLab({ name: 'cpl', nodes: 2 });
  lab.register();

  const other = (node: string) => lab.nodes.find((each) => each !== node) ?? '';

  /** What clients see from before something happens until every watch has a server again: nobody may hang. */
  async function during(happens: (load: ApiLoad) => Promise<void>): Promise<ApiLoadReport> {
    const load = await lab.load(WATCHES);
    const beganMs = monotonicMs();
    await happens(load);
    const after = load.requests;
    await waitFor('requests', () => load.requests > after + 20, LIMIT);
    await waitFor('every watch', () => load.watches === WATCHES, LIMIT);
    const report = await load.report();
    const { failures, requests, gaps } = report;
    const times = failures.map(({ atMs }) => atMs);
    const spanMs = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
    const back = gaps.map(({ backAtMs }) => Math.round(backAtMs - beganMs));
    process.stderr.write(
      `${expect.getState().currentTestName}: ${requests} requests, ${failures.length} failed within ${Math.round(spanMs)} ms; ${gaps.length} watches went, the last was back after ${Math.max(0, ...back)} ms\n`,
    );
    return report;
  }

  const hung = ({ failures }: ApiLoadReport) => failures.filter(({ why }) => why === 'none');

  it('tells on every node who serves, which instance is where, and whose certificate clients will refuse', async () => {
    const holder = await lab.allWell();
    const [last = ''] = lab.nodes.slice(-1);
    const server = `${lab.host(last).address}:${PORT}`;
    for (const node of lab.nodes) {
      await lab.tells(node, 'knows the certificates', ({ controlPlane }) => {
        return controlPlane.conditions.some(({ status }) => status === 'True');
      });
      const told = await lab.told(node);
      expect(told?.controlPlane.instances).toMatchObject([{ name: 'api_1', holder: node === holder }]);
      expect(told?.controlPlane.conditions).toMatchObject([{ type: 'CertificateLacksAddress', status: 'True' }]);
      const sentence = `the certificate of ${server} is not for ${lab.address}, so clients that connect to the address refuse it`;
      expect(told?.controlPlane.conditions[0]?.message).toContain(sentence);
      expect(told?.problems).toContainEqual(expect.stringContaining(sentence));
      expect(await lab.metric(node, 'keepalived_vip_certificate_lacks_address')).toBe(1);
      expect(told?.proxy).toMatchObject({ running: true, problem: null });
    }
  });

  it('can be asked who a client was, by what the API server saw', async () => {
    const holder = await lab.allWell();
    const { netns, address } = lab.network.client;
    const url = ['--resolve', `kubernetes:${PORT}:${lab.address}`, `https://kubernetes:${PORT}/peer`];
    const said = await lab.inNetns(netns, ['curl', '-sS', '--cacert', lab.caFile, '-w', ' %{local_port}', ...url]);
    const [from = '', fromPort = '', clientPort = ''] = said.replace('::ffff:', '').split(' ');
    const line = await waitFor(
      'its line of log',
      () => lab.log(holder, 'proxy').match(new RegExp(`^.*"client":"${address}:${clientPort}".*$`, 'm'))?.[0],
      LIMIT,
    );
    expect(JSON.parse(line)).toMatchObject({ msg: 'connection', from: `${from}:${fromPort}`, section: 'api' });
  });

  it('tells the clients of a node that was cut off also where it remembers earlier connections of the same ports', async () => {
    const first = await lab.allWell();
    // Known to the other node too: it has heard of what this one told.
    const open = async (node: string) => {
      const target = {
        address: lab.address,
        port: PORT,
        count: WATCHES,
        kinds: ['silent'],
        fromPort: CLIENT_PORTS,
      } as const;
      const connections = await OpenConnections.open(lab.clientNetns('regular'), target);
      const told = async () => (await lab.metric(node, 'keepalived_vip_connections_told')) >= WATCHES;
      await waitFor('the clients to be told of', told, LIMIT);
      return connections;
    };
    const opened = [await open(first)];
    try {
      await lab.inject('cordon', first);
      await opened[0]?.allEnded();
      const second = await lab.movedFrom(first);
      const again = await open(second);
      opened.push(again);
      await lab.inject('switch-cut', second);
      expect(new Set((await again.allEnded()).map(({ code }) => code))).toEqual(new Set(['ECONNRESET']));
    } finally {
      for (const connections of opened) connections.close();
      await lab.heal();
    }
    await lab.allWell();
  });

  it('whose HAProxy is killed on the holder moves the address, serves on, and is whole when HAProxy is started again', async () => {
    const holder = await lab.allWell();
    const report = await during(async () => {
      signalAll(lab.haproxy(holder), 'SIGKILL');
      expect(await lab.movedFrom(holder)).toBe(other(holder));
      await waitFor('no redirect', async () => !(await lab.redirects(holder)), LIMIT);
      await lab.tells(holder, 'does not run', ({ proxy, problems }) => {
        return !proxy.running && problems.some((each) => each.startsWith('HAProxy does not run'));
      });
    });
    expect(hung(report)).toEqual([]);
    expect(report.failures.length).toBeLessThan(report.requests / 2);
    await lab.allWell();
  });

  it('whose HAProxy hangs on the holder moves the address and the redirect, and tells the clients that it had', async () => {
    const holder = await lab.allWell();
    const report = await during(async (load) => {
      const [, worker = 0] = lab.haproxy(holder);
      process.kill(worker, 'SIGSTOP');
      expect(await lab.movedFrom(holder)).toBe(other(holder));
      await waitFor('no redirect', async () => !(await lab.redirects(holder)), LIMIT);
      await lab.tells(holder, 'is told of', ({ problems }) => problems.some((each) => /HAProxy/.test(each)));
      // Who hangs is ended by its supervisor: nobody continues it here.
      await waitFor('its end', () => lab.haproxy(holder).length === 0, LIMIT);
      await waitFor('every watch elsewhere', () => load.watches === WATCHES, LIMIT);
    });
    expect(report.gaps).toHaveLength(WATCHES);
    await lab.allWell();
  });

  it('whose sidecar is killed goes on with what it has, and the next one finds everything as it was', async () => {
    const holder = await lab.allWell();
    const before = lab.haproxy(holder);
    const report = await during(async () => {
      await lab.inject('sidecar-kill', holder);
      expect(await lab.redirects(holder)).toBe(true);
      await lab.heal();
      await lab.tells(holder, 'is well', ({ fitness }) => fitness?.band === 0);
    });
    expect(hung(report)).toEqual([]);
    expect([await lab.redirects(holder), lab.haproxy(holder)]).toEqual([true, before]);
    await lab.allWell();
  });

  it('whose sidecar hangs on the holder gives the address to a node that is looked after, and serves meanwhile', async () => {
    const holder = await lab.allWell();
    const report = await during(async () => {
      await lab.inject('sidecar-hang', holder);
      expect(await lab.movedFrom(holder)).toBe(other(holder));
    });
    expect(hung(report)).toEqual([]);
    await lab.allWell();
  });

  it('without any sidecar still takes out an API server that hangs, and tells its clients', async () => {
    const holder = await lab.allWell();
    const report = await during(async (load) => {
      await lab.inject('sidecar-hang', 'all');
      await waitFor('watches of both', () => lab.nodes.every((node) => (load.watching[node] ?? 0) > 0), LIMIT);
      lab.signalApiServer(other(holder), 'SIGSTOP');
      await waitFor('all watches of the other', () => load.watching[holder] === WATCHES, LIMIT);
    });
    expect(report.watching).toEqual({ [holder]: WATCHES });
    expect(lab.nodes.map((node) => lab.log(node, 'proxy')).join('')).toContain('no sidecar looks after the servers');
    lab.signalApiServer(other(holder), 'SIGCONT');
    await lab.allWell();
  });

  it('serves on when somebody flushes all rules of the node', async () => {
    const holder = await lab.allWell();
    const report = await during(async () => {
      await lab.inNetns(lab.host(holder).netns, ['nft', 'flush', 'ruleset']);
      expect(await lab.redirects(holder)).toBe(true);
    });
    expect(report.failures).toEqual([]);
    expect(report.gaps).toEqual([]);
  });

  it('says that it has no API server when all are gone, lets nobody wait, and repairs itself when they are back', async () => {
    await lab.allWell();
    const report = await during(async (load) => {
      await Promise.all(lab.nodes.map((node) => lab.killApiServer(node)));
      for (const node of lab.nodes) {
        await lab.tells(node, 'says so', ({ proxy }) => proxy.backends.every(({ state }) => state === 'down'));
      }
      // The last resort: an address that refuses is better than none, which would let clients wait.
      await lab.oneHolder();
      const asked = load.requests;
      await waitFor('requests meanwhile', () => load.requests > asked + 20, LIMIT);
      await lab.allWell();
    });
    expect(hung(report)).toEqual([]);
    expect(report.failures.length).toBeGreaterThan(0);
  });
});
