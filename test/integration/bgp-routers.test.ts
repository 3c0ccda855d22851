import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probed } from '../clients/probed.ts';
import { writeFilesVolume } from '../lab/files-volume.ts';
import { addressesOf } from '../lab/network-plan.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { podContainer, restartPodContainer } from '../lab/pod-containers.ts';
import { NODES_AS, ROUTERS_AS } from '../support/bgp/router.ts';
import { ROUTER_NAMES, Routers, routerAddresses } from '../support/bgp/routers.ts';
import { execInContainer, isRunning, stopContainer } from '../support/container.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { inNetns, ipBatch } from '../support/netns.ts';
import { familyOf, signalAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('announcing addresses to routers of other kinds', LAB_NEEDS);

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/bgp.md'), 'utf8');
const ADDRESS = '203.0.113.10';
const PASSWORD = 'open-Sesame';
/** Reached over hops: nodes have no network in common with its address, which is that behind the routers. */
const FAR = 'router1';
/** Has FRR, as the page says. */
const FRR = 'router2';
/** A router of another rack: it is on none of the nodes' networks, and not given as one over hops. */
const ELSEWHERE = '198.51.100.1';
/** Far above what any wait here takes: what BFD tells is not told by the end of this. */
const HOLD_SECONDS = 600;
const ROUTER_ADDRESSES = routerAddresses({ 4: '172.30.0.1', 6: 'fd00:172:30::1' });

/** What a sidecar tells of sessions. */
interface BgpStatus {
  readonly sessions: readonly { readonly peer: string; readonly up: boolean | null; readonly reason: string | null }[];
}

/** FRR's configuration on the page. */
function documentedFrr(): string {
  const block = DOCUMENT.split('```').find((text) => text.includes(`router bgp ${ROUTERS_AS}`));
  if (block === undefined) throw new Error('the page has no configuration of FRR');
  return block.trimStart();
}

/** How many segments the kernel of a network namespace has refused whose digest is of another password (RFC 2385). */
async function refusedDigests(netns: string): Promise<number> {
  const [program, ...args] = inNetns(netns, ['cat', '/proc/net/netstat']);
  const lines = (await execa(program, args)).stdout.split('\n').filter((line) => line.startsWith('TcpExt: '));
  const [names = [], values = []] = lines.map((line) => line.split(' '));
  return Number(values[names.indexOf('TCPMD5Failure')]);
}

describe.skipIf(skip)('addresses on lo, behind a router with FRR and one over hops', repeated, () => {
  const routers = new Routers(`bgpo${process.pid}`, ROUTER_ADDRESSES);
  const lab = new LabUnderTest({
    name: 'bgpo',
    set: [
      ...['bgp.enabled=true', `bgp.asNumber=${NODES_AS}`, 'bgp.prefixes={203.0.113.0/24}'],
      `bgp.holdTimeSeconds=${HOLD_SECONDS}`,
      ...[`address=${routers.behind(FAR)}`, 'multihop=2', `asNumber=${ROUTERS_AS}`, 'bfd=true'].map(
        (each) => `bgp.peers[0].${each}`,
      ),
      ...[`address=${ROUTER_ADDRESSES[FRR][4]}`, `asNumber=${ROUTERS_AS}`, 'bfd=true'].map(
        (each) => `bgp.peers[1].${each}`,
      ),
      'bgp.peers[1].passwordSecret.name=routers',
      ...[`bgp.peers[2].address=${ELSEWHERE}`, `bgp.peers[2].asNumber=${ROUTERS_AS}`],
    ],
  });
  lab.register();

  const addressOf = (node: string) => addressesOf(lab.host(node), 4)[0] ?? '';
  const announcedBy = (...nodes: string[]) => routers.haveHops(ADDRESS, nodes.map(addressOf));
  const lo = (verb: 'add' | 'delete', node: string) =>
    ipBatch([`address ${verb} ${ADDRESS}/32 dev lo`], lab.host(node).netns);
  const containerOf = (node: string, name: string) => podContainer(lab.name, node, name);
  const startAgain = (node: string, name: string) => restartPodContainer(lab.name, node, name);
  const setPassword = async (password: string) => {
    const files = { [`to_${ROUTER_ADDRESSES[FRR][4].replaceAll('.', '_')}`]: password };
    for (const node of lab.nodes) await writeFilesVolume(nodeDirectory(lab.name, node).volume('bgp-passwords'), files);
  };
  /** The state of FRR's session with a node; undefined where it has forgotten it. */
  const frrState = async (node: string): Promise<string | undefined> => {
    const text = await routers.askFrr(FRR, 'show bgp neighbors json');
    const all = JSON.parse(text === '' ? '{}' : text) as Readonly<Record<string, { readonly bgpState?: string }>>;
    return all[addressOf(node)]?.bgpState;
  };
  const whileProbed = (what: string, body: () => Promise<void>) =>
    probed({ what, netns: routers.netns('client'), addresses: [ADDRESS] }, body);

  beforeAll(async () => {
    const neighbours = lab.hosts.map((host) => ({
      name: host.name,
      netns: host.netns,
      addresses: { 4: addressesOf(host, 4)[0] ?? '', 6: addressesOf(host, 6)[0] ?? '' },
    }));
    // As kube-proxy, which translates the address before the kernel looks whether it is the node's: what is under way is still served.
    for (const { netns } of lab.hosts) await ipBatch(['route add local 203.0.113.0/24 dev lo'], netns);
    await routers.start(lab.network.switchNetns, neighbours, {
      [FAR]: { multihop: true },
      [FRR]: { frr: documentedFrr() },
    });
  });
  afterAll(() => routers.stop());

  it('are learned over hops, and by FRR with the configuration of the page and the password alone', async () => {
    for (const node of lab.nodes) await lo('add', node);
    await routers.haveHops(ADDRESS, lab.nodes.map(addressOf), [FAR]);
    await setPassword('another');
    // By the router or by a node: either may be the one that connects.
    const sides = [routers.netns(FRR), ...lab.hosts.map(({ netns }) => netns)];
    await waitFor('it to be refused', async () =>
      (await Promise.all(sides.map(refusedDigests))).some((count) => count > 0),
    );
    expect(await routers.hops(FRR, ADDRESS)).toEqual([]);
    await setPassword(`${PASSWORD}\n`);
    await announcedBy(...lab.nodes);
  });

  it('are watched by BFD with both, over hops from another port', async () => {
    for (const node of lab.nodes) {
      const up = new RegExp(
        `^(${routers.behind(FAR)} +---|${ROUTER_ADDRESSES[FRR][4]} +eth0) +Up `.replaceAll('.', '\\.'),
        'gm',
      );
      await waitFor('BFD of both routers', async () => {
        const argv = ['/usr/sbin/birdcl', 'show', 'bfd', 'sessions'] as const;
        const { stdout } = await execInContainer(containerOf(node, 'bfd'), { argv: [...argv] });
        return stdout.match(up)?.length === ROUTER_NAMES.length;
      });
    }
  });

  it('are told by each node with its sessions, and of a router that is no neighbour that it is none', async () => {
    const sessions = async (): Promise<BgpStatus['sessions']> =>
      JSON.parse(await lab.ask('node1', '/status')).bgp.sessions;
    const told = (peer: string, up: boolean | null) => async () =>
      (await sessions()).some((each) => each.peer === peer && each.up === up);
    for (const peer of [routers.behind(FAR), ROUTER_ADDRESSES[FRR][4]])
      await waitFor(`the session with ${peer} to be told`, told(peer, true));
    await waitFor('the third to be told', told(ELSEWHERE, null));
    const third = (await sessions()).find(({ peer }) => peer === ELSEWHERE);
    expect(third?.reason).toBe('the router is on none of this node’s networks');
    const metrics = await lab.ask('node1', '/metrics');
    expect(metrics.match(/^keepalived_vip_bgp_session_up\{.*$/gm)?.filter((line) => line.endsWith(' 1'))).toHaveLength(
      2,
    );
    expect(metrics).not.toContain(ELSEWHERE);
  });

  it('leave the paths when they leave lo', async () => {
    await whileProbed('FRR and over hops: an address taken off lo', async () => {
      await lo('delete', 'node1');
      await announcedBy('node2', 'node3');
    });
    await lo('add', 'node1');
    await announcedBy(...lab.nodes);
  });

  it('stay announced when BIRD is killed, until it is back', async () => {
    const seen = await whileProbed('FRR and over hops: BIRD killed and started anew', async () => {
      const bird = familyOf(containerOf('node2', 'bgp').insidePid).find(({ name }) => name === 'bird');
      signalAll([bird?.pid ?? 0], 'SIGKILL');
      await waitFor('the container to end', () => !isRunning(containerOf('node2', 'bgp')));
      await waitFor('FRR to notice', async () => (await frrState('node2')) !== 'Established');
      await announcedBy(...lab.nodes);
      await startAgain('node2', 'bgp');
      await waitFor('FRR to have it back', async () => (await frrState('node2')) === 'Established');
      await waitFor(`${FAR} to have it back`, () => /node2_4: Neighbor graceful restart done/.test(routers.log(FAR)));
      await announcedBy(...lab.nodes);
    });
    expect(seen.failed).toBe(0);
  });

  it('are gone from the paths when a node is cut off, as soon as BFD tells: nothing else would for minutes', async () => {
    await whileProbed('FRR and over hops: a node cut off', async () => {
      await lab.inject('switch-cut', 'node3');
      await announcedBy('node1', 'node2');
    });
    await lab.heal();
    await announcedBy(...lab.nodes);
  });

  it('are gone when BIRD is asked to end', async () => {
    await whileProbed('FRR and over hops: the pod of a node ended', async () => {
      await stopContainer(containerOf('node1', 'bgp'));
      await stopContainer(containerOf('node1', 'bfd'));
      await announcedBy('node2', 'node3');
    });
    await startAgain('node1', 'bfd');
    await startAgain('node1', 'bgp');
    await announcedBy(...lab.nodes);
  });
});
