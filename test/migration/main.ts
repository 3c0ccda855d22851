import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { ensureBundles } from '../../scripts/build.ts';
import { withTemporaryFolder } from '../../scripts/support/temporary-folder.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { Clients } from '../clients/clients.ts';
import { takeDown } from '../cluster/down.ts';
import { imageArchives } from '../cluster/images.ts';
import { readyParts } from '../cluster/parts.ts';
import { checkClusterName } from '../cluster/plan.ts';
import { bringUp } from '../cluster/up.ts';
import { ownSite, Site } from '../environment/site.ts';
import { runCommand, wholeNumber } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { formatTable, say } from '../support/print.ts';
import { FROM_KUBE_VIP } from './kube-vip.ts';
import { FROM_METALLB } from './metallb.ts';
import { Terminal } from './terminal.ts';
import { distinct, type Walked, walkedRows } from './walk.ts';
import type { Way } from './way.ts';

/** Walks docs/migrating.md with another load balancer that serves. Results go to standard output, everything else to standard error. */

interface Options {
  /** Of the cluster. */
  readonly name: string;
  readonly nodes: number;
  readonly keep: boolean;
  readonly from: keyof typeof WAYS;
}

const DEFAULT_CLUSTER = 'migration';
const NODES = 2;
/** What it asks the network is work, too. */
const NEWCOMER_INTERVAL_MS = 50;
const WAYS = { metallb: FROM_METALLB, 'kube-vip-stand-in': FROM_KUBE_VIP } as const satisfies Record<string, Way>;
const PAGE = join(import.meta.dirname, '../../docs/migrating.md');

/** Has the other serve, walks the page, and tells what it cost. */
async function walkOn(site: Site, way: Way, signal: AbortSignal): Promise<void> {
  const before = await way.serve(site);
  say(`${way.peer} serves ${before.size} Services: ${[...before].map((each) => each.join(' ')).join(', ')}`);
  const addresses = distinct(before);
  const newcomer = () => site.cluster.prober('newcomer', addresses, { intervalMs: NEWCOMER_INTERVAL_MS });
  const clients = { regular: site.clients(addresses), newcomer: new Clients(newcomer, addresses) };
  const results: Walked[] = [];
  try {
    for (const each of Object.values(clients)) await each.start();
    const page = await readFile(PAGE, 'utf8');
    await withTemporaryFolder(join(tmpdir(), 'migration-'), async (folder) => {
      const terminal = await Terminal.open(folder, site.description);
      await way.walk({ site, page, terminal, clients, before, say, signal }, results);
    });
  } finally {
    for (const each of Object.values(clients)) await each.stop();
    if (results.length > 0) process.stdout.write(`${formatTable(walkedRows(results, addresses.length))}\n`);
  }
  process.stdout.write(
    `${before.size} of ${before.size} Services have the addresses that they had; nothing of ${way.peer} is in the way\n`,
  );
}

async function run({ name, nodes, keep, from }: Options, signal: AbortSignal): Promise<void> {
  const parts = await readyParts(say);
  const helm = await ensureTool('helm');
  await ensureBundles();
  const archives = [...(await imageArchives(say)), ...(await WAYS[from].images(say))];
  await takeDown(name);
  const state = await bringUp({ name, nodes, controlPlanes: 1, ingress: true }, parts, archives, say, signal);
  try {
    await walkOn(new Site(ownSite(state, { helm, helm3: undefined })), WAYS[from], signal);
  } finally {
    if (keep) say(`the cluster stays: npm run cluster -- --name ${name} down`);
    else await takeDown(name);
  }
}

const program = new Command('e2e:migration')
  .description('Walks docs/migrating.md, command by command, on a cluster of its own.')
  .option('--name <name>', 'name of the cluster', checkClusterName, DEFAULT_CLUSTER)
  .option('--nodes <count>', 'number of nodes', wholeNumber, NODES)
  .addOption(new Option('--from <name>', 'what serves before').choices(Object.keys(WAYS)).default('metallb'))
  .option('--keep', 'leave the cluster up', false)
  .action(async (options: Options) => {
    await interruptible((signal) => run(options, signal), say);
  });

await runCommand(program);
