import { InvalidArgumentError } from 'commander';
import { CLIENT_KINDS, type ClientKind } from '../clients/prober.ts';
import { formatReports } from '../clients/report.ts';
import { helpTable, print, runCommand } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { INTERFACE } from '../support/netns.ts';
import { healedText, type Json, placeProgram, type Told } from '../support/place-commands.ts';
import { formatMs, say } from '../support/print.ts';
import type { ChartValues } from './chart.ts';
import { valueOptions } from './chart-options.ts';
import { takeDown } from './down.ts';
import { ALL_NODES, healFaults, injectFault } from './fault-control.ts';
import { FAULTS } from './fault-names.ts';
import { type MachineParts, readyMachine } from './machine.ts';
import { checkLabName } from './names.ts';
import { checkNetworkName, DEFAULT_NETWORK, NETWORKS, type NetworkName } from './networks.ts';
import { probeFor } from './probe.ts';
import { labState } from './state.ts';
import { formatStatus, labStatus } from './status.ts';
import { bringUp, type UpOptions, waitForOneHolder } from './up.ts';
import { upgrade } from './upgrade.ts';

/** The lab's command line. Results go to standard output, everything else to standard error. */

interface ValueFlags {
  readonly file: string[];
  readonly set: string[];
}

const SECONDS_DEFAULT = 10;

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('a number above 0 is wanted');
  }
  return value;
}

function clientKinds(text: string): ClientKind[] {
  const kinds = CLIENT_KINDS.filter((kind) => text === kind || text === 'both');
  if (kinds.length === 0) {
    throw new InvalidArgumentError(`one of ${CLIENT_KINDS.join(', ')}, both`);
  }
  return kinds;
}

function valuesOf(flags: ValueFlags): ChartValues {
  return { files: flags.file, set: flags.set };
}

async function told(lab: string): Promise<Told> {
  const status = await labStatus(labState(lab).read());
  return [status, formatStatus(status)];
}

/** Brings the lab up and waits until it is ready for use; gives it up when interrupted. */
async function bringUpForUse(options: UpOptions, machine: MachineParts, signal: AbortSignal): Promise<Told> {
  const state = await bringUp(options, machine, say);
  try {
    // A lab whose settings let nobody hold the address is one to look into, so it stays up.
    await waitForOneHolder(state, { signal }).catch((error: Error) => {
      signal.throwIfAborted();
      say(`WARNING: ${error.message}`);
    });
    return await told(state.name);
  } catch (error) {
    await takeDown(state.name);
    throw error;
  }
}

const { program, up, fault, heal, name } = placeProgram({
  kind: 'lab',
  what: 'Nodes, switch and clients as network namespaces, with the real keepalived, sidecar and chart.',
  checkName: checkLabName,
  faults: FAULTS,
  nodeHelp: `name of the node, or ${ALL_NODES}; by default the one that holds the address`,
  status: told,
  inject: async (lab, what, { node, nic }) => {
    const injected = await injectFault(lab, what, node, nic);
    return [injected, `${what} on ${injected.nodes.join(', ')} at ${injected.injectedAt.wall}`];
  },
  heal: async (lab, which) => {
    const done = await healFaults(lab, which);
    return [done, healedText([...done.healed.map((each) => `${each.fault} on ${each.node}`), ...done.revived])];
  },
  takeDown,
});
fault.option('--nic <interface>', 'the interface that faults of the network are about', INTERFACE);
heal.option('--nic <interface>', 'only on this interface');

valueOptions(up)
  .option('--network <network>', 'how the machines are connected', checkNetworkName, DEFAULT_NETWORK)
  .addHelpText(
    'after',
    helpTable(
      'Networks',
      Object.entries(NETWORKS).map(([name, { what }]) => [name, what]),
    ),
  )
  .action(async (flags: ValueFlags & Json & { nodes: number; network: NetworkName }) => {
    const options = { name: name(), nodes: flags.nodes, network: flags.network, values: valuesOf(flags) };
    const machine = await readyMachine(say);
    print(flags.json, ...(await interruptible((signal) => bringUpForUse(options, machine, signal), say)));
  });

valueOptions(program.command('apply'))
  .description('change the chart’s values of the running lab, as helm upgrade does')
  .option('--reset', 'forget the values given before', false)
  .option('--json', 'print JSON')
  .action(async (flags: ValueFlags & Json & { reset: boolean }) => {
    const done = await upgrade(name(), { values: valuesOf(flags), reset: flags.reset }, say);
    const took = formatMs(done.doneAt.monotonicMs - done.startedAt.monotonicMs);
    const what =
      done.restarted.length === 0 ? 'files changed, no pod restarted' : `new pods on ${done.restarted.join(', ')}`;
    print(flags.json, done, `${what}, in ${took}`);
  });

program
  .command('probe')
  .description('open new connections to the addresses all the time and report outages')
  .option('--seconds <seconds>', 'how long', positive, SECONDS_DEFAULT)
  .option('--interval <ms>', 'time between two attempts; default 5, for newcomers 20', positive)
  .option('--client <kind>', `${CLIENT_KINDS.join(', ')} or both`, clientKinds, [...CLIENT_KINDS])
  .option('--json', 'print JSON')
  .action(async (flags: Json & { seconds: number; interval?: number; client: ClientKind[] }) => {
    const { seconds, interval, client } = flags;
    const report = await probeFor(labState(name()).read(), { seconds, kinds: client, intervalMs: interval }, say);
    print(flags.json, report, formatReports(report.clients));
  });

await runCommand(program);
