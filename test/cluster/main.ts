import { Command } from 'commander';
import { execa } from 'execa';
import { helpTable, print, runCommand, wholeNumber } from '../support/command-line.ts';
import { knownName } from '../support/faults.ts';
import { interruptible } from '../support/interruption.ts';
import { say } from '../support/print.ts';
import { takeDown } from './down.ts';
import { healFaults, injectFault } from './fault-control.ts';
import { CLUSTER_FAULTS } from './fault-names.ts';
import { imageArchives, loadImages } from './images.ts';
import { onMachine } from './machine.ts';
import { readyParts } from './parts.ts';
import { checkClusterName, DEFAULT_CLUSTER } from './plan.ts';
import { clusterState } from './state.ts';
import { clusterStatus, formatStatus } from './status.ts';
import { bringUp } from './up.ts';

/** The cluster's command line. Results go to standard output, everything else to standard error. */

interface Named {
  readonly name: string;
}

interface Json {
  readonly json?: boolean;
}

interface UpFlags extends Json {
  readonly nodes: number;
  readonly controlPlanes: number;
  readonly ingress: boolean;
}

const program = new Command('cluster')
  .description('A multi-node Kubernetes on this machine: real containerd, kubelets and control plane in namespaces.')
  .option('--name <name>', 'which cluster: several can be up at the same time', checkClusterName, DEFAULT_CLUSTER)
  .helpOption('-h, --help')
  .showHelpAfterError();

const clusterName = (): string => program.opts<Named>().name;

program
  .command('up')
  .description('bring the cluster up')
  .option('--nodes <count>', 'number of nodes', wholeNumber, 3)
  .option('--control-planes <count>', '1: on a machine of its own; 3 or 5: on that many of the nodes', wholeNumber, 1)
  .option('--no-ingress', 'without an ingress on every node')
  .option('--json', 'print the status as JSON')
  .action(async ({ nodes, controlPlanes, ingress, json }: UpFlags) => {
    const parts = await readyParts(say);
    const archives = await imageArchives(say);
    const options = { name: clusterName(), nodes, controlPlanes, ingress };
    const state = await interruptible((signal) => bringUp(options, parts, archives, say, signal), say);
    const status = await clusterStatus(state);
    print(json, status, formatStatus(status));
  });

program
  .command('status')
  .description('who holds what, and what runs')
  .option('--json', 'print JSON')
  .action(async ({ json }: Json) => {
    const status = await clusterStatus(clusterState(clusterName()).read());
    print(json, status, formatStatus(status));
  });

program
  .command('load')
  .argument(
    '[image...]',
    "files of `docker save`, or images of docker, podman or buildah; by default the project's own",
  )
  .description('give images to every node')
  .action(async (given: string[]) => {
    const state = clusterState(clusterName()).read();
    const images = given.length > 0 ? given : (await imageArchives(say)).map((each) => each.archive);
    await loadImages(state, images, say);
  });

program
  .command('fault')
  .argument('<fault>', 'what to break')
  .description('break something on a node')
  .option('--node <node>', 'name of the node; by default the one that holds an address')
  .option('--json', 'print JSON')
  .addHelpText('after', helpTable('Faults', Object.entries(CLUSTER_FAULTS)))
  .action(async (fault: string, { json, node }: Json & { node?: string }) => {
    const injected = await injectFault(clusterName(), knownName('fault', CLUSTER_FAULTS, fault), node);
    print(json, injected, `${fault} on ${injected.node} at ${injected.injectedAt.wall}`);
  });

program
  .command('heal')
  .argument('[fault]', 'what to repair; by default everything')
  .description('repair what was broken')
  .option('--node <node>', 'only on this node')
  .option('--json', 'print JSON')
  .action(async (fault: string | undefined, { json, node }: Json & { node?: string }) => {
    const wanted = fault === undefined ? undefined : knownName('fault', CLUSTER_FAULTS, fault);
    const healed = await healFaults(clusterName(), { fault: wanted, node });
    const names = healed.map((each) => `${each.fault} on ${each.node}`);
    print(json, { healed }, names.length === 0 ? 'nothing to heal' : `healed: ${names.join(', ')}`);
  });

program
  .command('exec')
  .argument('<machine>', 'node1, cp…')
  .argument('<command...>', 'program and its arguments; put `--` before it')
  .description('run a program on a machine')
  .action(async (name: string, command: string[]) => {
    const machine = clusterState(clusterName())
      .read()
      .machines.find((each) => each.name === name);
    if (machine === undefined) throw new Error(`${name} is off, or there is no such machine`);
    const [file, ...args] = onMachine(machine, command);
    const { exitCode } = await execa(file, args, { stdio: 'inherit', reject: false });
    process.exitCode = exitCode ?? 1;
  });

program
  .command('down')
  .description('remove the cluster with everything in it')
  .action(async () => {
    await takeDown(clusterName());
    say('nothing of the cluster is left');
  });

await runCommand(program);
