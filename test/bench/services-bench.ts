import { messageOf } from '../../common/errors.ts';
import {
  applyManifest,
  deletePool,
  patchPool,
  poolObject,
  waitForNodePlans,
  waitForShares,
} from '../environment/pools.ts';
import { helmUninstall } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { INTERFACE } from '../support/netns.ts';
import { say } from '../support/print.ts';
import type { UndisturbedRuns, WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import { type BenchedCluster, type ClusterBenchEnd, withBenchCluster } from './cluster-bench.ts';
import type { PoolBenchOptions } from './pools-bench.ts';
import { LocalService } from './services-local.ts';
import { giveBack, ManyServices, makeWidePool } from './services-many.ts';
import type { ServiceMeasurement } from './services-report.ts';
import { Creation, makeElsewhere, makePool, makeSteady, SteadyService, steadyAddress } from './services-scenario.ts';
import { ServicesSite } from './services-site.ts';
import { INSTANCES, nameOf, REQUESTS_PER_SECOND, type ServiceCase, type ServiceTitle } from './services-suites.ts';

/** What a section measures with. */
interface Measuring {
  readonly services: ServicesSite;
  /** Of how many Services there are to be many. */
  readonly scales: readonly number[];
  /** Whether a case is asked for. @param scale of so many Services */
  readonly wants: (title: ServiceTitle, scale?: number) => boolean;
  readonly measure: (title: ServiceTitle, once: () => Promise<WatchedRun<number[]>>, scale?: number) => Promise<void>;
}

/** Some of the cases, on a cluster on which nothing but the chart is installed. */
interface Section {
  readonly titles: readonly ServiceTitle[];
  /** Values of the chart besides. */
  readonly set?: readonly string[];
  readonly run: (measuring: Measuring) => Promise<void>;
}

/** Uses something that has to be ended. */
async function using<T extends { start(): Promise<void>; stop(): Promise<void> }>(
  it: T,
  use: (it: T) => Promise<void>,
): Promise<void> {
  try {
    await it.start();
    await use(it);
  } finally {
    await it.stop();
  }
}

const single: Section = {
  titles: ['create', 'node-cut', 'api-away'],
  run: async ({ services, wants, measure }) => {
    const { site } = services;
    await makePool(site);
    const creation = new Creation(services);
    await measure('create', () => creation.run());
    if (wants('api-away')) {
      const address = steadyAddress(site, 0);
      await makeSteady(services, 'steady', address);
      await using(new SteadyService(site, address, { kind: 'newcomer', intervalMs: 20 }), (newcomer) =>
        measure('api-away', () => newcomer.withoutApi()),
      );
    }
    if (wants('node-cut')) {
      const address = await makeElsewhere(services);
      await using(new SteadyService(site, address), (steady) => measure('node-cut', () => steady.cut()));
    }
  },
};

const local: Section = {
  titles: ['endpoint-crash', 'node-cut-local', 'rolling-update', 'policy'],
  run: async ({ services, measure }) => {
    await makePool(services.site);
    const service = new LocalService(services, steadyAddress(services.site, 1));
    await service.start();
    await using(service.client(), (client) => measure('endpoint-crash', () => service.crash(client)));
    await using(service.client(), (client) => measure('node-cut-local', () => client.cut()));
    await using(service.client(1000 / REQUESTS_PER_SECOND), (client) =>
      measure('rolling-update', () => service.replace(client)),
    );
    await using(service.client(), (client) => measure('policy', () => service.changePolicy(client)));
  },
};

const probing: Section = {
  titles: ['endpoint-crash-probe'],
  run: async ({ services, measure }) => {
    await makePool(services.site, { health: 'Probe' });
    const service = new LocalService(services, steadyAddress(services.site, 1));
    await service.start();
    await using(service.client(), (client) => measure('endpoint-crash-probe', () => service.crash(client)));
  },
};

const returning: Section = {
  titles: ['give-back'],
  run: async ({ services, measure }) => {
    await makeWidePool(services.site);
    await measure('give-back', () => giveBack(services));
  },
};

const many: Section = {
  titles: ['many', 'many-cut', 'many-reload'],
  run: async (measuring) => {
    await makeWidePool(measuring.services.site);
    for (const scale of measuring.scales) await measureMany(measuring, scale);
  },
};

async function measureMany({ services, wants, measure }: Measuring, scale: number): Promise<void> {
  const all = new ManyServices(services, scale);
  const once = async () => {
    await all.clear();
    return all.make();
  };
  await measure('many', once, scale);
  if (!wants('many-cut', scale) && !wants('many-reload', scale)) return;
  await all.ensure();
  await measure('many-reload', () => all.oneMore(), scale);
  await measure('many-cut', () => all.cut(), scale);
}

/** One address more for a pool, and one less. @returns ms until a node has it; how many of the others left a node meanwhile */
async function oneAddressMore(site: Site, addresses: readonly string[], more: string): Promise<WatchedRun<number[]>> {
  await waitForNodePlans(site);
  await waitForShares(site, addresses);
  const watch = site.cluster.watch();
  try {
    const fromMs = monotonicMs();
    await patchPool(site, 'instances', { addresses: [...addresses, more] });
    const held = () => watch.changes(more, fromMs).find(({ added }) => added)?.atMs;
    const heldMs = await waitFor(`${more} on a node`, held);
    await waitForNodePlans(site);
    const lost = addresses.filter((address) => watch.changes(address, fromMs).some(({ added }) => !added));
    await patchPool(site, 'instances', { addresses });
    await waitFor(`the end of ${more}`, async () => (await site.cluster.holders(more)).length === 0);
    const moved = lost.length > 0 ? [{ fromMs, toMs: monotonicMs() }] : [];
    return { run: [heldMs - fromMs, lost.length], failings: moved };
  } finally {
    watch.stop();
  }
}

const instances: Section = {
  titles: ['instances-reload'],
  set: [`controller.maxGroupsPerPool=${INSTANCES + 1}`],
  run: async ({ services: { site }, measure }) => {
    const addresses = Array.from({ length: INSTANCES }, (_, index) => `10.78.0.${index + 1}/32`);
    await applyManifest(
      site,
      poolObject('instances', { addresses, interface: INTERFACE, failback: { delaySeconds: 2 } }),
    );
    const plain = addresses.map((address) => address.replace('/32', ''));
    await waitForShares(site, plain);
    await measure('instances-reload', () => oneAddressMore(site, plain, '10.78.0.254'));
  },
};

const SECTIONS: readonly Section[] = [single, local, probing, returning, many, instances];

function line(of: ServiceCase, run: readonly number[]): string {
  return of.figures.map(({ unit }, index) => `${run[index]?.toFixed(1)} ${unit}`).join(', ');
}

/** Measures some cases with a release of their own. */
async function measureSection(
  { titles, set = [], run }: Section,
  site: Site,
  cases: readonly ServiceCase[],
  collected: ServiceMeasurement[],
  undisturbed: UndisturbedRuns,
): Promise<void> {
  const services = new ServicesSite(site);
  const own = cases.filter(({ title }) => titles.includes(title));
  const called = (title: ServiceTitle, scale?: number) =>
    own.filter((each) => each.title === title && each.scale === scale);
  const wants: Measuring['wants'] = (title, scale) => called(title, scale).length > 0;
  const measure: Measuring['measure'] = async (title, once, scale) => {
    for (const of of called(title, scale)) {
      const name = nameOf(of);
      await undisturbed.series(of, collected, once, (figures, number) => `${name} ${number}: ${line(of, figures)}`);
    }
  };
  const scales = [...new Set(own.flatMap(({ scale }) => scale ?? []))];
  try {
    await services.start(set);
    await run({ services, scales, wants, measure });
  } finally {
    await site.cluster.heal();
    await services.stop();
    await deletePool(site, '--all');
    await helmUninstall(site);
  }
}

/** One section after the other; what follows one that failed is measured all the same, unless the cluster is to be kept. */
async function measureSections(
  { site, undisturbed }: BenchedCluster,
  cases: readonly ServiceCase[],
  collected: ServiceMeasurement[],
  { keep, signal }: PoolBenchOptions,
): Promise<void> {
  const wanted = SECTIONS.filter(({ titles }) => cases.some(({ title }) => titles.includes(title)));
  const errors: unknown[] = [];
  for (const section of wanted) {
    try {
      await measureSection(section, site, cases, collected, undisturbed);
    } catch (error) {
      errors.push(error);
      if (keep || signal.aborted) break;
      say(`${messageOf(error)}; going on with what is left`);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** What a run of the bench of Services came to. */
export interface ServiceBenchResult extends ClusterBenchEnd {
  readonly measurements: readonly ServiceMeasurement[];
}

/** Measures Services on a cluster of its own. */
export async function benchServices(
  cases: readonly ServiceCase[],
  options: PoolBenchOptions,
): Promise<ServiceBenchResult> {
  const measurements: ServiceMeasurement[] = [];
  const end = await withBenchCluster({ keep: options.keep }, (cluster) =>
    measureSections(cluster, cases, measurements, options),
  );
  return { measurements, ...end };
}
