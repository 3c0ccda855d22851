import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { takeDown } from '../cluster/down.ts';
import { imageArchives } from '../cluster/images.ts';
import { type ClusterParts, readyParts } from '../cluster/parts.ts';
import { checkClusterName } from '../cluster/plan.ts';
import { bringUp } from '../cluster/up.ts';
import { ownSite, Site } from '../environment/site.ts';
import { installMetalLb, metalLbImages } from '../peers/metallb.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import { runCommand, wholeNumber } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { inNetns } from '../support/netns.ts';
import { say } from '../support/print.ts';
import { agnhostImage } from './agnhost.ts';
import type { Contender } from './contender.ts';
import { PRODUCT, PRODUCT_ALL, serviceRange } from './product.ts';
import { resultsTable, summary } from './report.ts';
import { type Running, runSpecs, type SpecResult } from './run.ts';
import { byNodes, chooseSpecs, SPECS, type Spec, shortTitle } from './specs.ts';

/** Kubernetes' own tests of load balancers, on a cluster of its own. Results go to standard output, everything else to standard error. */

interface Options {
  /** Of the cluster. */
  readonly name: string;
  readonly focus: readonly string[];
  readonly quick: boolean;
  readonly nodes?: number;
  readonly keep: boolean;
  readonly atOnce: number;
  readonly times: number;
  readonly against: keyof typeof CONTENDERS;
}

const DEFAULT_CLUSTER = 'k8se2e';
/** MetalLB in layer-2 mode, as its own manifest installs it, with one pool. */
const METALLB: Contender = {
  images: metalLbImages,
  install: (site) => installMetalLb(site, { services: { addresses: [serviceRange(site)] } }),
};
const CONTENDERS = { product: PRODUCT, 'product-all': PRODUCT_ALL, metallb: METALLB } as const satisfies Record<
  string,
  Contender
>;

/** What the tests of one run have in common. */
interface Prepared {
  readonly parts: ClusterParts;
  readonly archives: readonly ImageArchive[];
  readonly helm: string;
  /** Path of the tests' program. */
  readonly program: string;
}

async function prepare({ against }: Options): Promise<Prepared> {
  const parts = await readyParts(say);
  const [program, helm] = [await ensureTool('kubernetes-e2e'), await ensureTool('helm')];
  const own = [...(await imageArchives(say, true)), await agnhostImage(program, say)];
  return { parts, program, helm, archives: [...own, ...(await CONTENDERS[against].images(say))] };
}

/** Brings a cluster up with the load balancer, runs tests, and takes the cluster down. */
async function runOn(
  nodes: number,
  specs: readonly Spec[],
  { parts, archives, helm, program }: Prepared,
  { name, against, keep, times, ...running }: Options & Omit<Running, 'say'>,
): Promise<void> {
  await takeDown(name);
  const shape = { name, nodes, controlPlanes: 1, ingress: false, dns: true };
  const state = await bringUp(shape, parts, archives, say, running.signal);
  try {
    const site = new Site(ownSite(state, { helm, helm3: undefined }));
    await CONTENDERS[against].install(site);
    say(`${against} is installed on ${nodes} nodes`);
    const { kubectl, kubeconfig } = site.description;
    const logs = join(cacheFolder(), 'kubernetes-e2e', `${against}-${nodes}-nodes`);
    const suite = { program: inNetns(site.cluster.plan.remote.netns, [program]), kubectl, kubeconfig, logs };
    await rm(logs, { recursive: true, force: true });
    const rounds = Array.from({ length: times }, () => specs).flat();
    await runSpecs(suite, rounds, { ...running, say });
  } finally {
    if (keep) say(`the cluster stays: npm run cluster -- --name ${name} down`);
    else await takeDown(name);
  }
}

async function run(specs: readonly Spec[], options: Options, results: SpecResult[], signal: AbortSignal) {
  const prepared = await prepare(options);
  for (const group of byNodes(specs, options.nodes)) {
    signal.throwIfAborted();
    await runOn(group.nodes, group.specs, prepared, { ...options, results, signal });
  }
}

const collect = (text: string, before: readonly string[]) => [...before, text];

const program = new Command('e2e:kubernetes')
  .description(`Runs Kubernetes' own tests of load balancers (${SPECS.length}) on a cluster of its own, one at a time.`)
  .option('--name <name>', 'name of the cluster', checkClusterName, DEFAULT_CLUSTER)
  .option('--focus <text>', 'only those with this text in their title; may be given several times', collect, [])
  .option('--quick', 'only those that take less than a minute', false)
  .addOption(
    new Option('--against <name>', 'the load balancer that is tried')
      .choices(Object.keys(CONTENDERS))
      .default('product'),
  )
  .option('--nodes <count>', 'number of nodes; by default as many as each test needs, two or three', wholeNumber)
  .option('--at-once <count>', 'so many at a time, the longest first', wholeNumber, 1)
  .option('--times <count>', 'run each so many times', wholeNumber, 1)
  .option('--keep', 'leave the last cluster up', false)
  .option('--list', 'only say which ones there are')
  .action(async ({ list, ...options }: Options & { readonly list?: true }) => {
    const specs = chooseSpecs(options);
    if (specs.length === 0) throw new Error('no test has such a title: --list shows all');
    if (list) {
      process.stdout.write(`${specs.map(shortTitle).join('\n')}\n`);
      return;
    }
    const results: SpecResult[] = [];
    try {
      await interruptible((signal) => run(specs, options, results, signal), say);
    } finally {
      // Also of what was done when it was interrupted.
      if (results.length > 0) process.stdout.write(`${resultsTable(results)}\n${summary(results)}\n`);
    }
    if (results.some(({ result }) => result !== 'passed')) process.exitCode = 1;
  });

await runCommand(program);
