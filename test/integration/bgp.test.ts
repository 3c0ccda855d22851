import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probed, type Seen } from '../clients/probed.ts';
import { writeFilesVolume } from '../lab/files-volume.ts';
import { addressesOf, type HostPlan } from '../lab/network-plan.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { writePlan } from '../lab/node-plans.ts';
import { podContainer, restartPodContainer } from '../lab/pod-containers.ts';
import { upgrade } from '../lab/upgrade.ts';
import { NODES_AS, ROUTERS_AS } from '../support/bgp/router.ts';
import { ROUTER_NAMES, type RouterName, Routers, routerAddresses } from '../support/bgp/routers.ts';
import { execInContainer, isRunning, killContainer, stopContainer } from '../support/container.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { ip, ipBatch } from '../support/netns.ts';
import { familyOf, signalAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('announcing addresses by BGP', LAB_NEEDS);

type Addresses = Readonly<Record<4 | 6, string>>;

const ADDRESS = '203.0.113.10';
const ADDRESS6 = '2001:db8:1::10';
/** On lo as well, but in no network that may be announced. */
const OTHER = '198.51.100.10';
/** What a plan has on lo of every node that is fit. */
const PLANNED: Addresses = { 4: '203.0.113.20', 6: '2001:db8:1::20' };
const PASSWORD = 'open, Sesame\\1';
/** The router whose IPv4 sessions have a password. */
const WITH_PASSWORD: RouterName = 'router1';
const QUIET = (): void => undefined;
/** What a client sees of a node that is gone until BFD has told: half a second, and an attempt's time; with time for a machine that stands still. */
const CUT_LIMIT_MS = 5000;
/**
 * A change of paths moves some connections of other nodes as well, by the kernel's way to spread them: those that are under way just then
 * are cut off. There are four changes, one for each router and family, and on a busy machine several requests are under way at any time.
 */
const MOVED_BY_CHANCE = 12;
const ROUTER_ADDRESSES = routerAddresses({ 4: '172.30.0.1', 6: 'fd00:172:30::1' });
/** What a sidecar tells of sessions. */
interface BgpStatus {
  readonly sessions: readonly {
    readonly peer: string;
    readonly up: boolean | null;
    readonly announced: number | null;
    readonly bfd: boolean | null;
    readonly reason: string | null;
  }[];
}

const peers = ROUTER_NAMES.flatMap((name) => [ROUTER_ADDRESSES[name][4], ROUTER_ADDRESSES[name][6]]);

describe.skipIf(skip)('addresses on lo, behind two routers that spread by address and port', repeated, () => {
  const lab = new LabUnderTest({
    name: 'bgp',
    set: [
      'controller.enabled=true',
      'bgp.enabled=true',
      `bgp.asNumber=${NODES_AS}`,
      `bgp.prefixes={203.0.113.0/24,2001:db8:1::/64}`,
      ...peers.flatMap((address, index) => [
        `bgp.peers[${index}].address=${address}`,
        `bgp.peers[${index}].asNumber=${ROUTERS_AS}`,
        `bgp.peers[${index}].bfd=true`,
      ]),
      'bgp.peers[0].passwordSecret.name=routers',
    ],
  });
  lab.register();
  let routers: Routers;

  const hostOf = (node: string) => lab.host(node);
  const hopsOf = (nodes: readonly string[], family: 4 | 6) =>
    nodes.map((node) => addressesOf(hostOf(node), family)[0] ?? '');
  const areAnnouncedBy = async (addresses: Addresses, nodes: readonly string[]) => {
    await routers.haveHops(addresses[4], hopsOf(nodes, 4));
    await routers.haveHops(addresses[6], hopsOf(nodes, 6));
  };
  const announcedBy = (...nodes: string[]) => areAnnouncedBy({ 4: ADDRESS, 6: ADDRESS6 }, nodes);
  const lo = (verb: 'add' | 'delete', { netns }: HostPlan, addresses: readonly string[] = [ADDRESS, ADDRESS6]) =>
    ipBatch(
      addresses.map((address) => `address ${verb} ${address}/${address.includes(':') ? 128 : 32} dev lo`),
      netns,
    );
  const containerOf = (node: string, name: string) => podContainer(lab.name, node, name);
  const logOf = (node: string, name: string) => readFileSync(nodeDirectory(lab.name, node).log(name), 'utf8');
  const startAgain = (node: string, name: string) => restartPodContainer(lab.name, node, name);
  const setPassword = async (files: Readonly<Record<string, string>>) => {
    for (const node of lab.nodes) await writeFilesVolume(nodeDirectory(lab.name, node).volume('bgp-passwords'), files);
  };
  const birdOf = (node: string, name: string): number => {
    const bird = familyOf(containerOf(node, name).insidePid).find((each) => each.name === 'bird');
    if (bird === undefined) throw new Error(`no BIRD runs in ${name} of ${node}: ${logOf(node, name)}`);
    return bird.pid;
  };
  /** Sessions that are up, by name, with the time since when. */
  const sessions = async (node: string): Promise<string[]> => {
    const { stdout } = await execInContainer(containerOf(node, 'bgp'), {
      argv: ['/usr/sbin/birdcl', 'show', 'protocols'],
    });
    return stdout.split('\n').filter((line) => /^to_.* Established\s*$/.test(line));
  };

  /** Runs a client of both addresses beside `body`, and says what it saw. */
  const seenOf = (
    what: string,
    body: () => Promise<void>,
    addresses: readonly string[] = [ADDRESS, ADDRESS6],
  ): Promise<Seen> => probed({ what, netns: routers.netns('client'), addresses }, body);

  beforeAll(async () => {
    routers = new Routers(`bgpr${process.pid}`, ROUTER_ADDRESSES);
    const neighbours = lab.hosts.map((host) => ({
      name: host.name,
      netns: host.netns,
      addresses: { 4: addressesOf(host, 4)[0] ?? '', 6: addressesOf(host, 6)[0] ?? '' },
    }));
    // As kube-proxy, which translates the address before the kernel looks whether it is the node's: what is under way is still served.
    for (const { netns } of lab.hosts) {
      await ipBatch(['route add local 203.0.113.0/24 dev lo', 'route add local 2001:db8:1::/64 dev lo'], netns);
    }
    await routers.start(lab.network.switchNetns, neighbours, { [WITH_PASSWORD]: { password: PASSWORD } });
  });
  afterAll(() => routers.stop());

  it('are announced by both families, without a password only where none is asked for, and no other is', async () => {
    for (const host of lab.hosts) await lo('add', host, [ADDRESS, ADDRESS6, OTHER]);
    await routers.haveHops(ADDRESS6, hopsOf(lab.nodes, 6));
    await routers.haveHops(ADDRESS, hopsOf(lab.nodes, 4), ['router2']);
    expect(await routers.hops(WITH_PASSWORD, ADDRESS)).toEqual([]);
    expect(logOf('node1', 'bgp')).toMatch(
      /no session with this peer: .* peer="to_172_30_0_251" because="there is no such/,
    );

    await setPassword({ to_172_30_0_251: 'another' });
    await waitFor('it to be tried', () => /BIRD takes the changed configuration/.test(logOf('node1', 'bgp')));
    expect(await routers.hops(WITH_PASSWORD, ADDRESS)).toEqual([]);

    await setPassword({ to_172_30_0_251: `${PASSWORD}\n` });
    await announcedBy(...lab.nodes);
    for (const router of ROUTER_NAMES) expect(await routers.hops(router, OTHER)).toEqual([]);
    expect(await routers.ask('router2', 'show', 'route', 'all')).not.toMatch(/198\.51\.100|127\.0\.0|172\.30\.0\.100/);
  });

  it('are told by each node with its sessions, in status and metrics', async () => {
    const told = async (node: string) => JSON.parse(await lab.ask(node, '/status')).bgp as BgpStatus;
    const until = (what: string, isSo: (session: BgpStatus['sessions'][number]) => boolean) =>
      waitFor(what, async () => {
        const { sessions } = await told('node1');
        return sessions.length === peers.length && sessions.every(isSo);
      });
    await until('all sessions to be told', ({ up, announced, bfd }) => up === true && announced === 1 && bfd === true);
    expect(new Set((await told('node1')).sessions.map(({ peer }) => peer))).toEqual(new Set(peers));
    expect(await lab.metric('node1', 'keepalived_vip_bgp_sessions')).toBe(peers.length);
    await routers.lose('router2');
    await until('the sessions with a lost router to be told', ({ peer, up, bfd, reason }) =>
      peer.endsWith('252') ? up === false && bfd === false && reason !== null : up === true && bfd === true,
    );
    expect(await lab.metric('node1', 'keepalived_vip_bgp_sessions')).toBe(peers.length / 2);
    await routers.find('router2');
    await until('them to be up again', ({ up }) => up === true);
    await announcedBy(...lab.nodes);
  });

  it('are announced with no right at all, and BFD is spoken with one', () => {
    const statusOf = (name: string) => readFileSync(`/proc/${birdOf('node1', name)}/status`, 'utf8');
    expect(statusOf('bgp')).toMatch(/^Uid:\s65532\s65532[\s\S]*^CapEff:\s0+$[\s\S]*^NoNewPrivs:\s1$/m);
    // CAP_NET_RAW is number 13.
    expect(statusOf('bfd')).toMatch(/^Uid:\s0\s0[\s\S]*^CapEff:\s0{12}2000$[\s\S]*^CapBnd:\s0{12}2000$/m);
  });

  it('leave the paths when they leave lo, and new connections do not notice', async () => {
    const seen = await seenOf('an address taken off lo', async () => {
      await lo('delete', hostOf('node1'));
      await announcedBy('node2', 'node3');
    });
    expect(seen.failed).toBeLessThanOrEqual(MOVED_BY_CHANCE);
    await lo('add', hostOf('node1'));
    await announcedBy(...lab.nodes);
  });

  it('stay announced when BIRD is killed, until it is back', async () => {
    const before = birdOf('node2', 'bgp');
    const seen = await seenOf('BIRD killed and started anew', async () => {
      signalAll([before], 'SIGKILL');
      await waitFor('the container to end', () => !isRunning(containerOf('node2', 'bgp')));
      for (const router of ROUTER_NAMES)
        await waitFor(`${router} to wait for it`, () =>
          /node2_4: Neighbor graceful restart detected/.test(routers.log(router)),
        );
      await announcedBy(...lab.nodes);
      await startAgain('node2', 'bgp');
      for (const router of ROUTER_NAMES)
        await waitFor(`${router} to have it back`, () =>
          /node2_4: Neighbor graceful restart done/.test(routers.log(router)),
        );
      await announcedBy(...lab.nodes);
    });
    expect(seen.failed).toBe(0);
    expect(birdOf('node2', 'bgp')).not.toBe(before);
    for (const router of ROUTER_NAMES) expect(routers.log(router)).not.toMatch(/node2_.: BFD session down/);
  });

  it('are announced anew with a changed configuration, and no session ends for it', async () => {
    // But that of the Secret, which the upgrade takes away and the test brings back: the lab has no others' objects.
    const others = async () => (await sessions('node1')).filter((line) => !line.startsWith('to_172_30_0_251 '));
    const before = await others();
    const values = { files: [], set: ['bgp.communities={64512:100}'] };
    const { restarted } = await upgrade(lab.name, { values, reset: false }, QUIET);
    await setPassword({ to_172_30_0_251: PASSWORD });
    expect(restarted).toEqual([]);
    await waitFor('the community', async () => {
      const text = await routers.ask('router1', 'show', 'route', 'all', 'for', ADDRESS);
      return text.split('(64512,100)').length === 1 + lab.nodes.length;
    });
    expect(await others()).toEqual(before);
  });

  it('are gone from the paths when a node is cut off, as soon as BFD tells', async () => {
    const seen = await seenOf('a node cut off', async () => {
      await lab.inject('switch-cut', 'node3');
      await announcedBy('node1', 'node2');
    });
    expect(seen.longestOutageMs).toBeLessThan(CUT_LIMIT_MS);
    for (const router of ROUTER_NAMES) expect(routers.log(router)).toMatch(/node3_4: BFD session down/);
    await lab.heal();
    await announcedBy(...lab.nodes);
  });

  it('are gone at once when BIRD is asked to end, as at the end of the pod', async () => {
    const seen = await seenOf('the pod of a node ended', async () => {
      await stopContainer(containerOf('node1', 'bgp'));
      await stopContainer(containerOf('node1', 'bfd'));
      await announcedBy('node2', 'node3');
    });
    expect(seen.failed).toBeLessThanOrEqual(MOVED_BY_CHANCE);
    for (const router of ROUTER_NAMES)
      expect(routers.log(router)).toMatch(/node1_4: Received: Administrative shutdown/);
    expect(await ip(['address', 'show', 'dev', 'lo'], hostOf('node1').netns)).toContain(ADDRESS);
    await startAgain('node1', 'bfd');
    await startAgain('node1', 'bgp');
    await announcedBy(...lab.nodes);
  });

  it('are gone as soon as BFD tells when both containers are dead', async () => {
    await seenOf('both containers killed', async () => {
      await Promise.all(['bgp', 'bfd'].map((name) => killContainer(containerOf('node2', name))));
      await announcedBy('node1', 'node3');
    });
    await startAgain('node2', 'bfd');
    await startAgain('node2', 'bgp');
    await announcedBy(...lab.nodes);
  });

  describe('by a plan', () => {
    const planned = (...nodes: string[]) => areAnnouncedBy(PLANNED, nodes);
    const asked = (what: string, body: () => Promise<void>) => seenOf(what, body, [PLANNED[4], PLANNED[6]]);

    it('are announced by every node that is fit', async () => {
      const plan = {
        plan: 'first',
        pools: [{ name: 'web', interface: '', failbackDelaySeconds: null }],
        instances: [],
        loopback: [{ name: 'web', pool: 'web', addresses: [PLANNED[4], PLANNED[6]] }],
      };
      await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan)));
      await planned(...lab.nodes);
    });

    it('leave the paths of a node that is drained, and new connections do not notice', async () => {
      const seen = await asked('a node drained', async () => {
        await lab.inject('drain', 'node1');
        await planned('node2', 'node3');
      });
      expect(seen.failed).toBeLessThanOrEqual(MOVED_BY_CHANCE);
      await lab.heal();
      await planned(...lab.nodes);
    });

    it('leave those of a node whose service crashes as soon as it is seen', async () => {
      const seen = await asked('the service of a node crashed', async () => {
        await lab.inject('ingress-crash', 'node2');
        await planned('node1', 'node3');
      });
      expect(seen.longestOutageMs).toBeLessThan(CUT_LIMIT_MS);
      await lab.heal();
      await planned(...lab.nodes);
    });

    it('leave those of a node whose pod ends before BIRD ends, and new connections do not notice', async () => {
      const seen = await asked('the pod of a node ended, with its addresses', async () => {
        for (const name of ['keepalived', 'bgp', 'bfd']) await stopContainer(containerOf('node3', name));
        await planned('node1', 'node2');
      });
      expect(seen.failed).toBeLessThanOrEqual(MOVED_BY_CHANCE);
      for (const name of ['bfd', 'bgp', 'keepalived']) await startAgain('node3', name);
      await planned(...lab.nodes);
    });
  });
});
