import { parseArgs } from 'node:util';
import { aloneOnOwnClusters, removeOwnClusters } from '../test/e2e/own-clusters.ts';
import { InterruptedError, interruptible } from '../test/support/interruption.ts';
import { buildAndReport } from './build.ts';
import { ensureSystem } from './prepare.ts';
import { CommandError, runMain } from './support/main.ts';
import { step } from './support/steps.ts';
import { report } from './testing/report.ts';
import { runVitest } from './testing/runners.ts';
import type { Summary } from './testing/summary.ts';
import type { ToolName } from './toolchain/catalogue.ts';
import { ensureTools } from './tools.ts';

const USAGE = `Runs the end-to-end tests on a real Kubernetes, and installs and builds what they need first.

usage: npm run e2e [-- <vitest arguments>]

Without KUBECONFIG they bring up clusters of three nodes on this machine and remove them afterwards. With E2E_KEEP=1 the first one stays, and
the next run with E2E_KEEP=1 uses it as it is: npm run cluster -- --name e2e status (E2E_CLUSTER=NAME for another name).
With KUBECONFIG they use that cluster: E2E_VIP=ADDRESS/PREFIX is needed, E2E_VALUES=FILE is used for every installation.
Tests that cut, crash or look into nodes are then skipped.

The last line is "N passed, N failed, N skipped". With CI set, a skipped test is a failure.`;

async function prepare(): Promise<void> {
  await ensureSystem(['lab', 'tests', 'tools']);
  // On the user's cluster nothing needs a Kubernetes of our own.
  const own: readonly ToolName[] = process.env.KUBECONFIG ? [] : ['hyperkube'];
  const { errors } = await ensureTools(['helm', 'helm3', ...own]);
  if (errors.length > 0) throw new CommandError(errors.join('\n'));
}

/**
 * Runs the tests. vitest does not undo its global set-up when it is interrupted, so clusters that are left then are removed here.
 * @throws InterruptedError
 */
function runTests(more: readonly string[]): Promise<Summary> {
  return interruptible(
    async (signal) => {
      const summary = await runVitest(['e2e', 'e2e-pairs'], more, signal);
      if (!process.env.KUBECONFIG) await removeOwnClusters();
      signal.throwIfAborted();
      return summary;
    },
    (line) => process.stderr.write(`${line}\n`),
  );
}

function giveUp(error: unknown): void {
  if (!(error instanceof InterruptedError)) throw error;
  process.stderr.write(`e2e: ${error.message}\n`);
  process.exitCode = error.exitCode;
}

runMain(import.meta.main, 'e2e', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  await step('what the tests need', prepare);
  await step('bundle', buildAndReport);
  const run = () => step('end-to-end tests', () => runTests(positionals)).then(report, giveUp);
  await (process.env.KUBECONFIG ? run() : aloneOnOwnClusters(run));
});
