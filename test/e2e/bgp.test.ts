import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probed } from '../clients/probed.ts';
import { applyManifest, poolObject } from '../environment/pools.ts';
import { helmInstall, helmUninstall, NAMESPACE as RELEASE_NAMESPACE, waitForPods } from '../environment/release.ts';
import { NODES_AS, ROUTERS_AS } from '../support/bgp/router.ts';
import { ROUTER_NAMES, type RouterName, Routers, routerAddresses } from '../support/bgp/routers.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { inNetns, ip } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { signalAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { createEcho, createEchoNamespace, removeEcho } from './echo-pods.ts';
import { site } from './here.ts';
import { podProcesses } from './pod-processes.ts';
import { type ReleasePod, releasePods } from './pods.ts';
import { mountsOf, rightsOf } from './process-rights.ts';
import { addressOf } from './service-objects.ts';

const repeated = repeatedWhenDisturbed();
const NAMESPACE = 'announced';
/** Of no node's subnet: only routers lead there. */
const RANGE = '203.0.113.32/28';
const PASSWORD = 'open, Sesame 4711';
/** The router whose sessions have a password. */
const WITH_PASSWORD: RouterName = 'router1';
/** A node that boots needs its time; all else is over in a few seconds. */
const LIMIT = { limitMs: 180_000, everyMs: 50 };
/** What a client sees of a node that is gone until BFD has told: half a second, and an attempt's time; with time for a machine that stands still. */
const CRASH_LIMIT_MS = 5000;
/** A change of paths moves some connections of other nodes as well, by the kernel's way to spread them; those under way are cut off. */
const MOVED_BY_CHANCE = 12;
const table: string[][] = [['WHAT', 'FIGURE']];

interface BgpStatus {
  readonly answers: boolean;
  readonly problems: readonly string[];
  readonly sessions: readonly {
    readonly peer: string;
    readonly up: boolean | null;
    readonly announced: number | null;
  }[];
}

async function createService(name: string, spec: object): Promise<string> {
  const ports = [{ port: 80, targetPort: 8080 }];
  const common = {
    type: 'LoadBalancer',
    loadBalancerClass: 'keepalived-ingress-vip.io/vip',
    selector: { app: 'echo' },
  };
  await applyManifest(site, {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE } },
    spec: { ...common, ports, ...spec },
  });
  return addressOf(name, NAMESPACE);
}

describe.skipIf(!site.hasHarness)('addresses that every fit node has, behind two routers', repeated, () => {
  const nodes = site.hasHarness ? site.cluster.plan.nodes : [];
  const [one = '', two = '', three = ''] = nodes.map(({ name }) => name);
  const [first] = nodes;
  const addresses = routerAddresses({ 4: first?.ipv4 ?? '', 6: first?.ipv6 ?? '' });
  const routers = new Routers(`bgpe${process.pid}`, addresses);
  let web = '';
  let local = '';

  const hopsOf = (names: readonly string[]) => nodes.filter(({ name }) => names.includes(name)).map(({ ipv4 }) => ipv4);

  /** Waits until the routers have paths to exactly these nodes, and records how long that took. */
  async function untilBy(what: string, address: string, ...names: readonly string[]): Promise<void> {
    const fromMs = monotonicMs();
    await routers.haveHops(address, hopsOf(names), ROUTER_NAMES, LIMIT);
    table.push([what, `${(monotonicMs() - fromMs).toFixed(0)} ms`]);
  }

  async function clientSees(what: string, body: () => Promise<void>) {
    const seen = await probed({ what, netns: routers.netns('client'), addresses: [web] }, body);
    const within = seen.failed === 0 ? '' : `, in ${seen.longestOutageMs.toFixed(0)} ms`;
    table.push([`${what}: requests that failed`, `${seen.failed} of ${seen.attempts}${within}`]);
    return seen;
  }

  async function podOn(node: string): Promise<ReleasePod> {
    const found = (await releasePods(site)).find((pod) => pod.node === node);
    if (found === undefined) throw new Error(`the release has no pod on ${node}`);
    return found;
  }

  const commandLine = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  const birdOf = ({ uid, name }: ReleasePod, role: 'bgp' | 'bfd'): number => {
    const found = podProcesses(uid, 'bird').find((pid) => commandLine(pid).includes(`/${role}.conf`));
    if (found === undefined) throw new Error(`no BIRD runs in ${role} of ${name}`);
    return found;
  };
  const bgpOn = async (node: string): Promise<BgpStatus> => JSON.parse(await site.cluster.ask(node, '/status')).bgp;

  async function curl(address: string): Promise<string> {
    const [program, ...args] = inNetns(routers.netns('client'), ['curl', '-s', '-m', '15', `http://${address}/`]);
    return String((await execa(program, args, { timeout: 20_000 })).stdout).trim();
  }

  beforeAll(async () => {
    const neighbours = nodes.map(({ name, netns, ipv4, ipv6 }) => ({ name, netns, addresses: { 4: ipv4, 6: ipv6 } }));
    await routers.start(site.cluster.plan.switchNetns, neighbours, { [WITH_PASSWORD]: { password: PASSWORD } });
    await site.kubectl(['create', 'namespace', RELEASE_NAMESPACE]).catch((error: Error) => {
      if (!error.message.includes('already exists')) throw error;
    });
    const secret = ['create', 'secret', 'generic', 'routers', `--from-literal=password=${PASSWORD}`];
    await site.kubectl(['-n', RELEASE_NAMESPACE, ...secret]);
    const peers = ROUTER_NAMES.flatMap((name, index) =>
      [`address=${addresses[name][4]}`, `asNumber=${ROUTERS_AS}`, 'bfd=true'].map(
        (each) => `bgp.peers[${index}].${each}`,
      ),
    );
    const bgp = ['bgp.enabled=true', `bgp.asNumber=${NODES_AS}`, ...peers, 'bgp.peers[0].passwordSecret.name=routers'];
    const rest = ['keepalived.vipAddressCidr=', 'controller.enabled=true', 'services.enabled=true'];
    await helmInstall(site, { set: [...rest, ...bgp, `bgp.prefixes[0]=${RANGE}`] });
    await createEchoNamespace(NAMESPACE);
    await applyManifest(
      site,
      poolObject('announced', { ranges: [{ cidr: RANGE }], distribution: { mode: 'All' }, services: {} }),
    );
    await Promise.all([createEcho(two, NAMESPACE), createEcho(three, NAMESPACE), waitForPods(site)]);
  });

  afterAll(async () => {
    process.stderr.write(`${formatTable(table)}\n`);
    await routers.stop();
    await site.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=60s'], { timeout: 70_000 });
    await site.kubectl(['delete', 'virtualippools', '--all', '--timeout=30s']);
    await helmUninstall(site);
    await site.kubectl(['-n', RELEASE_NAMESPACE, 'delete', 'secret', 'routers', '--ignore-not-found']);
  });

  it('are announced by every node, those of a Service with Local by nodes with endpoints, and clients get answers', async () => {
    [web, local] = [await createService('web', {}), await createService('local', { externalTrafficPolicy: 'Local' })];
    await untilBy('a Service has an address → both routers have a path to each node', web, one, two, three);
    await untilBy('the same of one with Local, to the nodes with endpoints', local, two, three);
    await waitFor('an answer', async () => (await curl(web).catch(() => '')) !== '', LIMIT);
    expect(await curl(local)).toBe(routers.clientAddress);
  });

  it('are told by each node with its sessions, which BIRD itself says are up', async () => {
    for (const node of [one, two, three]) {
      const announced = node === one ? 1 : 2;
      await waitFor(
        `the sessions of ${node}`,
        async () => {
          const { answers, problems, sessions } = await bgpOn(node);
          const all = sessions.every((each) => each.up === true && each.announced === announced);
          return answers && problems.length === 0 && sessions.length === ROUTER_NAMES.length && all;
        },
        LIMIT,
      );
      expect(await site.cluster.ask(node, '/metrics')).toMatch(/^keepalived_vip_bgp_sessions 2$/m);
      const exec = ['exec', '-n', RELEASE_NAMESPACE, (await podOn(node)).name, '-c'];
      const protocols = await site.kubectl([...exec, 'bgp', '--', 'birdcl', 'show', 'protocols']);
      expect(protocols.match(/^to_\S+ +BGP .* Established *$/gm)).toHaveLength(ROUTER_NAMES.length);
      // It begins anew when BGP does, and may come up after that.
      await waitFor(
        `BFD of ${node} with both routers`,
        async () => {
          const bfd = await site.kubectl([...exec, 'bfd', '--', 'birdcl', 'show', 'bfd', 'sessions']);
          return bfd.match(/^10\.\S+ +eth0 +Up /gm)?.length === ROUTER_NAMES.length;
        },
        LIMIT,
      );
    }
  });

  it('are announced with no right at all, and BFD is spoken with one', async () => {
    const pod = await podOn(two);
    const none = { permitted: [], effective: [], inheritable: [], bounding: [], ambient: [] };
    const common = { noNewPrivileges: true, filtered: true };
    const ids = (id: number) => [id, id, id, id];
    const [bgp, bfd] = [birdOf(pod, 'bgp'), birdOf(pod, 'bfd')];
    expect(rightsOf(bgp)).toEqual({ users: ids(65532), groups: ids(65532), ...none, ...common });
    const raw = ['NET_RAW'];
    const rights = { ...none, permitted: raw, effective: raw, bounding: raw };
    expect(rightsOf(bfd)).toEqual({ users: ids(0), groups: ids(0), ...rights, ...common });
    const writable = (pid: number) =>
      mountsOf(pid).filter((each) => each.writable && !/^\/(dev|proc|sys)/.test(each.path));
    const paths = (pid: number) =>
      writable(pid)
        .map(({ path }) => path)
        .toSorted();
    // The kubelet's file of hosts is root's.
    expect(paths(bgp)).toEqual(['/etc/hosts', '/run/bird', '/run/keepalived-ingress-vip-bgp']);
    expect(paths(bfd)).toEqual(['/etc/hosts', '/run/bird', '/run/keepalived-ingress-vip-bgp']);
    for (const pid of [bgp, bfd]) expect(existsSync(`/proc/${pid}/root/var/run/secrets`)).toBe(false);
  });

  it('have a password that only BIRD’s container knows', async () => {
    const kubectl = (...args: string[]) => site.kubectl(['-n', RELEASE_NAMESPACE, ...args]);
    const kinds = 'configmaps,pods,daemonsets,deployments,events';
    const texts = [await kubectl('get', kinds, '-o', 'yaml'), await site.cluster.ask(two, '/status')];
    const pods = await releasePods(site);
    for (const { name } of pods) texts.push(await kubectl('logs', name, '--all-containers'));
    const pids = pods.flatMap(({ uid }) =>
      ['bird', 'sh', 'tini', 'node', 'keepalived'].flatMap((program) => podProcesses(uid, program)),
    );
    expect(pids.length).toBeGreaterThan(pods.length * 5);
    for (const pid of pids) texts.push(commandLine(pid), readFileSync(`/proc/${pid}/environ`, 'utf8'));
    expect(texts.filter((text) => text.includes('Sesame'))).toEqual([]);
    const knows = pids.filter((pid) => existsSync(`/proc/${pid}/root/etc/keepalived-ingress-vip-bgp-passwords`));
    const users = new Set(knows.map((pid) => rightsOf(pid).users.join()));
    expect(users).toEqual(new Set(['65532,65532,65532,65532']));
    expect(knows).toEqual(expect.arrayContaining(pods.map((pod) => birdOf(pod, 'bgp'))));
    for (const pod of pods) expect(knows).not.toContain(birdOf(pod, 'bfd'));
  });

  it('stay announced when BIRD is killed, until the kubelet has started it anew, and no client notices', async () => {
    const before = await podOn(two);
    const pid = birdOf(before, 'bgp');
    const seen = await clientSees('BIRD of a node killed', async () => {
      signalAll([pid], 'SIGKILL');
      for (const router of ROUTER_NAMES)
        await waitFor(
          `${router} to have it back`,
          () => new RegExp(`${two}_4: Neighbor graceful restart done`).test(routers.log(router)),
          LIMIT,
        );
      await routers.haveHops(web, hopsOf([one, two, three]));
    });
    expect(seen.failed).toBe(0);
    expect(birdOf(before, 'bgp')).not.toBe(pid);
    for (const router of ROUTER_NAMES)
      expect(routers.log(router)).not.toMatch(new RegExp(`${two}_4: BFD session down`));
    await waitFor('the kubelet to tell', async () => (await podOn(two)).restarts > before.restarts, LIMIT);
    expect((await podOn(two)).uid).toBe(before.uid);
  });

  it('leave a node whose only endpoint of a Service with Local goes', async () => {
    await removeEcho(three, NAMESPACE);
    await untilBy('the endpoint of a node goes → no path to it', local, two);
    await routers.haveHops(web, hopsOf([one, two, three]));
    await createEcho(three, NAMESPACE);
    await untilBy('another is ready there → a path to it', local, two, three);
  });

  it('leave a node that is drained, and new connections do not notice', async () => {
    try {
      const seen = await clientSees('a node drained', async () => {
        await site.cluster.inject('drain', one);
        await routers.haveHops(web, hopsOf([two, three]), ROUTER_NAMES, LIMIT);
      });
      expect(seen.failed).toBeLessThanOrEqual(MOVED_BY_CHANCE);
    } finally {
      await site.cluster.heal();
    }
    await untilBy('it is uncordoned → a path to it', web, one, two, three);
  });

  it('are those of a pool that says that they are announced, and that is not Ready without', async () => {
    const path = '{range .status.conditions[*]}{.type}={.status} {.reason}\n{end}';
    const conditions = () => site.kubectl(['get', 'virtualippool', 'announced', '-o', `jsonpath=${path}`]);
    const until = (said: RegExp) => waitFor(`${said}`, async () => said.test(await conditions()), LIMIT);
    await until(/^Announced=True AllAnnounce$/m);
    for (const router of ROUTER_NAMES) await routers.lose(router);
    await until(/^Ready=False NobodyAnnounces$/m);
    for (const router of ROUTER_NAMES) await routers.find(router);
    await until(/^Ready=True /m);
    await routers.haveHops(web, hopsOf([one, two, three]), ROUTER_NAMES, LIMIT);
    await routers.haveHops(local, hopsOf([two, three]), ROUTER_NAMES, LIMIT);
  });

  it('leave a node that loses power as soon as BFD tells, and come back with it', async () => {
    try {
      const seen = await clientSees('a node loses power', async () => {
        await site.cluster.inject('node-crash', one);
        await routers.haveHops(web, hopsOf([two, three]), ROUTER_NAMES, LIMIT);
      });
      expect(seen.longestOutageMs).toBeLessThan(CRASH_LIMIT_MS);
      for (const router of ROUTER_NAMES) expect(routers.log(router)).toMatch(new RegExp(`${one}_4: BFD session down`));
    } finally {
      await site.cluster.heal();
      await routers.wayBack(nodes.find(({ name }) => name === one)?.netns ?? '');
    }
    await untilBy('it boots again → a path to it', web, one, two, three);
  });

  it('are on no lo, and on no path, when the release is uninstalled', async () => {
    await helmUninstall(site);
    for (const { netns } of nodes)
      expect(await ip(['-o', 'address', 'show', 'dev', 'lo', 'to', RANGE], netns)).toBe('');
    for (const router of ROUTER_NAMES) {
      for (const address of [web, local]) expect(await routers.hops(router, address)).toEqual([]);
      expect(routers.log(router)).toMatch(new RegExp(`${three}_4: Received: Administrative shutdown`));
    }
  });
});
