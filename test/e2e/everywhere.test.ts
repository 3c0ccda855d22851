import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import type { NodePlan } from '../../api/node-plan.ts';
import { applyManifest } from '../environment/pools.ts';
import { helmInstall, helmUninstall, NAMESPACE as RELEASE_NAMESPACE } from '../environment/release.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { ip } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { createEcho, createEchoNamespace, removeEcho } from './echo-pods.ts';
import { site } from './here.ts';
import { addressOf } from './service-objects.ts';

const repeated = repeatedWhenDisturbed();
const NAMESPACE = 'everywhere';
const LOOK_MS = 50;
/** A look is often a kubectl, which takes a processor from the other cluster. */
const LIMIT = { limitMs: 60_000, everyMs: 100 };
/** Of no node's subnet: only who has a route finds it. */
const RANGE = '198.51.100.16/28';
/** The same, for addresses that some nodes have. */
const SEATED = '198.51.100.208/29';
const table: string[][] = [['WHAT', 'FIGURE']];

const POOL = {
  apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
  kind: 'VirtualIPPool',
  metadata: { name: 'everywhere' },
  spec: { ranges: [{ cidr: RANGE }], distribution: { mode: 'All' }, services: {} },
};

async function createService(name: string, spec: object, annotations: object = {}): Promise<string> {
  await applyManifest(site, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE, annotations },
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: 'keepalived-ingress-vip.io/vip',
      selector: { app: 'echo' },
      ports: [{ port: 80, targetPort: 8080 }],
      ...spec,
    },
  });
  return addressOf(name, NAMESPACE);
}

async function json<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await site.kubectl(['get', ...args, '-o', 'json'])) as T;
}

interface Conditioned {
  readonly status: {
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
    readonly holderCount?: number;
    readonly plannedNode?: string;
  };
}

/** What a condition of an object is, in one word each. */
async function conditionOf(type: string, ...object: readonly string[]): Promise<string> {
  const found = (await json<Conditioned>(...object)).status.conditions?.find((each) => each.type === type);
  return `${found?.status} ${found?.reason}: ${found?.message}`;
}

/** Waits until a condition of an object says something. */
async function untilSays(what: RegExp, type: string, ...object: readonly string[]): Promise<void> {
  let said = '';
  await waitFor(
    `${type} of ${object.join(' ')} to be ${what.source}`,
    async () => {
      said = await conditionOf(type, ...object);
      return what.test(said);
    },
    LIMIT,
    () => `it is ${said}`,
  );
}

describe.skipIf(!site.hasHarness)('a pool whose addresses every fit node has', repeated, () => {
  const nodes = site.hasHarness ? site.cluster.plan.nodes : [];
  const [one = '', two = '', three = ''] = nodes.map(({ name }) => name);
  let address = '';

  function netnsOf(node: string): string {
    return nodes.find(({ name }) => name === node)?.netns ?? '';
  }

  /** The nodes that have an address on lo. */
  async function onLo(which: string): Promise<string[]> {
    const looks = nodes.map(async ({ name, netns }) => {
      const shown = await ip(['-o', 'address', 'show', 'dev', 'lo', 'to', which], netns);
      return shown === '' ? [] : [name];
    });
    return (await Promise.all(looks)).flat();
  }

  /** The node that an address is planned for, when it and no other has the address on lo. */
  async function plannedHolder(which: string): Promise<string | undefined> {
    const { status } = await json<Conditioned>('serviceaddress', which);
    return (await onLo(which)).join() === status.plannedNode ? status.plannedNode : undefined;
  }

  /** Waits until these nodes have it, and records how long that took. */
  async function untilOnLo(what: string, which: string, ...expected: readonly string[]): Promise<number> {
    const fromMs = monotonicMs();
    await waitFor(
      `${which} on lo of ${expected.join()}`,
      async () => (await onLo(which)).join() === expected.join(),
      { ...LIMIT, everyMs: 20 }, // it is timed, and costs little
    );
    const tookMs = monotonicMs() - fromMs;
    table.push([what, `${tookMs.toFixed(0)} ms`]);
    return tookMs;
  }

  /** How fit a node says that it is for an address on lo; undefined while it says nothing. */
  async function bandFor(node: string, which: string): Promise<number | undefined> {
    const { spec, status } = await json<NodePlan>('nodeplan', node);
    const wanted = spec.loopback?.find(({ addresses }) => addresses.includes(which))?.name;
    return status?.health?.find(({ pool }) => pool === wanted)?.band;
  }

  /** The nodes that had it at each look while something is done. */
  async function seenDuring(which: string, action: () => Promise<unknown>): Promise<string[][]> {
    const seen: string[][] = [];
    let done = false;
    const watching = (async () => {
      for (; !done; await delay(LOOK_MS)) seen.push(await onLo(which));
    })();
    try {
      await action();
    } finally {
      done = true;
      await watching;
    }
    return seen;
  }

  /** As a router does that knows no node's health. */
  async function route(which: string, ...via: readonly string[]): Promise<void> {
    const hops = nodes.filter(({ name }) => via.includes(name)).flatMap(({ ipv4 }) => ['nexthop', 'via', ipv4]);
    await ip(['route', 'replace', `${which}/32`, ...hops], site.cluster.plan.client.netns);
  }

  beforeAll(async () => {
    await helmInstall(site, {
      set: ['keepalived.vipAddressCidr=', 'controller.enabled=true', 'services.enabled=true'],
    });
    await createEchoNamespace(NAMESPACE);
    await applyManifest(site, POOL);
    await Promise.all([createEcho(two, NAMESPACE), createEcho(three, NAMESPACE)]);
  });

  afterAll(async () => {
    process.stderr.write(`${formatTable(table)}\n`);
    await site.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=60s'], { timeout: 70_000 });
    await site.kubectl(['delete', 'virtualippools', '--all', '--timeout=60s'], { timeout: 70_000 });
    for (const range of [RANGE, SEATED])
      await ip(['route', 'flush', 'root', range], site.cluster.plan.client.netns).catch(() => undefined);
  });

  it('has them on lo of each, answers through any, and is Ready', async () => {
    address = await createService('web', {});
    await untilOnLo('a Service has an address → it is on lo of all nodes', address, one, two, three);
    for (const each of [one, two, three]) {
      await route(address, each);
      const prober = site.prober('regular', { address });
      await prober.start();
      try {
        await waitFor(`an answer by ${each}`, () => prober.attempts(address).some(({ ok }) => ok), LIMIT);
      } finally {
        await prober.stop();
      }
    }
    await route(address, one, two, three);
    await untilSays(/^True /, 'Ready', 'virtualippool', 'everywhere');
    await untilSays(
      /^True AllAddressesHeld: 1 address held, each by 3 nodes$/,
      'Available',
      'virtualippool',
      'everywhere',
    );
    await untilSays(/^True EveryFitNode: held by 3 nodes/, 'Held', 'serviceaddress', address);
    const ofPool = ['--field-selector', `involvedObject.name=${POOL.metadata.name}`];
    const events = await json<{ items: { reason: string }[] }>('events', '-A', ...ofPool);
    expect(events.items.filter(({ reason }) => reason === 'SeveralHolders')).toEqual([]);
  });

  it('takes it off a node that is cordoned, and puts it there again', async () => {
    await site.kubectl(['cordon', one]);
    await untilOnLo('a node is cordoned → its lo has it no more', address, two, three);
    await site.kubectl(['uncordon', one]);
    await untilOnLo('it is uncordoned → its lo has it again', address, one, two, three);
  });

  it('puts right what somebody takes off, and leaves a stranger’s address alone', async () => {
    const stranger = '198.51.100.200/32';
    await ip(['address', 'add', stranger, 'dev', 'lo'], netnsOf(two));
    await ip(['address', 'delete', `${address}/32`, 'dev', 'lo'], netnsOf(two));
    await untilOnLo('somebody took it off → it is there again', address, one, two, three);
    expect(await ip(['-o', 'address', 'show', 'dev', 'lo', 'to', stranger], netnsOf(two))).not.toBe('');
    await ip(['address', 'delete', stranger, 'dev', 'lo'], netnsOf(two));
  });

  it('loses no connection when a node’s pod is replaced, where its router learns in time', async () => {
    // kube-proxy forwards without the address as well: what is on the way when it goes is served.
    const clients = site.clients([address]);
    await clients.start();
    try {
      const fromMs = monotonicMs();
      await route(address, two, three);
      const pods = await json<{ items: { metadata: { name: string }; spec: { nodeName: string } }[] }>(
        'pods',
        '-n',
        RELEASE_NAMESPACE,
      );
      const pod = pods.items.find(({ metadata, spec }) => spec.nodeName === one && !/controller/.test(metadata.name));
      await site.kubectl(['delete', 'pod', '-n', RELEASE_NAMESPACE, pod?.metadata.name ?? '', '--wait=false']);
      await untilOnLo('a pod of the release is deleted → its lo has it no more', address, two, three);
      await untilOnLo('its successor starts → its lo has it again', address, one, two, three);
      const outageMs = await clients.longestOutage(fromMs);
      table.push(['the same: longest outage', `${outageMs.toFixed(0)} ms`]);
      expect(outageMs).toBeLessThan(1000);
    } finally {
      await clients.stop();
    }
  });

  it('has it, with externalTrafficPolicy Local, only where an endpoint is, and nowhere without one', async () => {
    const local = await createService('local', { externalTrafficPolicy: 'Local' });
    await untilOnLo('a Service with Local → on lo of nodes with endpoints', local, two, three);
    await removeEcho(three, NAMESPACE);
    await untilOnLo('the endpoint of one is gone → its lo has it no more', local, two);
    await removeEcho(two, NAMESPACE);
    await untilOnLo('no endpoint is left → no lo has it', local);
    await createEcho(three, NAMESPACE);
    await untilOnLo('a pod is ready → its lo has it', local, three);
    expect(await onLo(address)).toEqual([one, two, three]);
  });

  it('has that of a Service with sessionAffinity on one node, also when it had been on all', async () => {
    // A try before this one may have ended anywhere.
    await site.kubectl(['delete', 'service', '-n', NAMESPACE, 'sticky', '--ignore-not-found', '--timeout=60s'], {
      timeout: 70_000,
    });
    await site.kubectl(['uncordon', one, two, three]);
    const sticky = await createService('sticky', {});
    await untilOnLo('a further Service → on lo of all', sticky, one, two, three);
    await site.kubectl([
      'patch',
      'service',
      'sticky',
      '-n',
      NAMESPACE,
      '-p',
      '{"spec":{"sessionAffinity":"ClientIP"}}',
    ]);
    // The last of all to give it up has it alone as well, for a moment.
    const holder = await waitFor('the planned node alone to have it', () => plannedHolder(sticky), LIMIT);
    await site.kubectl(['cordon', holder]);
    await waitFor(
      'another node to have it',
      async () => {
        const now = await onLo(sticky);
        return now.length === 1 && !now.includes(holder);
      },
      LIMIT,
    );
    await site.kubectl(['uncordon', holder]);
    await untilSays(/^True OneHolder/, 'Held', 'serviceaddress', sticky);
  });

  it('says of an address in the nodes’ own subnet that no node has it', async () => {
    const [node] = nodes;
    const onLink = `${node?.ipv4.replace(/\d+$/, '')}200`;
    await applyManifest(site, {
      ...POOL,
      metadata: { name: 'on-link' },
      spec: { addresses: [onLink], distribution: { mode: 'All' } },
    });
    await untilSays(/^False OnLinkAddress/, 'Ready', 'virtualippool', 'on-link');
    expect(await onLo(onLink)).toEqual([]);
    await site.kubectl(['delete', 'virtualippool', 'on-link', '--timeout=60s'], { timeout: 70_000 });
  });

  it('elects so many nodes for the addresses of another pool, and others when one of them is cordoned', async () => {
    const some = '198.51.100.200';
    const healthCheck = { httpGet: { port: 10_256, path: '/healthz' } };
    const spec = { addresses: [some], healthCheck, distribution: { mode: 'Replicas', replicas: 2 } };
    await applyManifest(site, { ...POOL, metadata: { name: 'some' }, spec });
    await untilSays(/^True AllAddressesHeld: 1 address held, each by 2 nodes$/, 'Available', 'virtualippool', 'some');
    const [first = '', second = ''] = await onLo(some);
    const spare = [one, two, three].find((node) => node !== first && node !== second) ?? '';
    await site.kubectl(['cordon', first]);
    await untilOnLo('an elected node is cordoned → another has the address', some, ...[second, spare].toSorted());
    await site.kubectl(['uncordon', first]);
    await site.kubectl(['delete', 'virtualippool', 'some', '--timeout=60s'], { timeout: 70_000 });
    await untilOnLo('such a pool is deleted → no node has its address', some);
  });

  it('elects so many nodes with an endpoint for a Service with externalTrafficPolicy Local, and another when one is cordoned', async () => {
    // A try before this one may have ended anywhere.
    const gone = ['--ignore-not-found', '--force', '--grace-period=0', '--timeout=60s'];
    await site.kubectl(['delete', 'pod', '-n', NAMESPACE, `echo-${one}`, ...gone], { timeout: 70_000 });
    await site.kubectl(['uncordon', one, two, three]);
    await Promise.all([createEcho(two, NAMESPACE), createEcho(three, NAMESPACE)]);
    const distribution = { mode: 'Replicas', replicas: 2 };
    const spec = { ranges: [{ cidr: SEATED }], distribution, failback: { enabled: false }, services: {} };
    await applyManifest(site, { ...POOL, metadata: { name: 'seats' }, spec });
    const inPool = { 'keepalived-ingress-vip.io/pool': 'seats' };
    const seated = await createService('seated', { externalTrafficPolicy: 'Local' }, inPool);
    await untilOnLo('two replicas, two nodes with endpoints → on lo of these', seated, two, three);
    await createEcho(one, NAMESPACE);
    const fits = async () => BANDS.healthy === (await bandFor(one, seated));
    await waitFor('the third to be as fit as they', fits, LIMIT);
    expect(await onLo(seated)).toEqual([two, three]);

    await route(seated, one, three);
    const clients = site.clients([seated]);
    await clients.start();
    try {
      const fromMs = monotonicMs();
      const seen = await seenDuring(seated, async () => {
        await site.kubectl(['cordon', two]);
        await untilOnLo('an elected node is cordoned → the third has the address', seated, one, three);
      });
      expect(seen.filter((holders) => !holders.includes(three))).toEqual([]);
      const outageMs = await clients.longestOutage(fromMs);
      table.push(['the same: longest outage', `${outageMs.toFixed(0)} ms`]);
      expect(outageMs).toBeLessThan(1000);
    } finally {
      await clients.stop();
    }
    await site.kubectl(['uncordon', two]);
  });

  it('refuses to change its way', async () => {
    const change = (distribution: object) =>
      site.kubectl([
        'patch',
        'virtualippool',
        'everywhere',
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { distribution } }),
      ]);
    await expect(change({ mode: 'One' })).rejects.toThrow('cannot be changed');
    await expect(change({ mode: 'Replicas', replicas: 2 })).rejects.toThrow('cannot be changed');
  });

  it('leaves nothing on lo when the release is uninstalled', async () => {
    await helmUninstall(site);
    for (const { netns } of nodes)
      expect(await ip(['-o', 'address', 'show', 'dev', 'lo', 'to', RANGE], netns)).toBe('');
  });
});
