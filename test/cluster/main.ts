import { execa } from 'execa';
import { print, runCommand, wholeNumber } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { healedText, type Json, placeProgram, type Told } from '../support/place-commands.ts';
import { say } from '../support/print.ts';
import { takeDown } from './down.ts';
import { healFaults, injectFault } from './fault-control.ts';
import { CLUSTER_FAULTS } from './fault-names.ts';
import { imageArchives, loadImages } from './images.ts';
import { onMachine } from './machine.ts';
import { readyParts } from './parts.ts';
import { checkClusterName } from './plan.ts';
import { type ClusterState, clusterState } from './state.ts';
import { clusterStatus, formatStatus } from './status.ts';
import { bringUp } from './up.ts';

/** The cluster's command line. Results go to standard output, everything else to standard error. */

interface UpFlags extends Json {
  readonly nodes: number;
  readonly controlPlanes: number;
  readonly ingress: boolean;
  readonly dns: boolean;
}

const { program, up, name } = placeProgram({
  kind: 'cluster',
  what: 'A multi-node Kubernetes on this machine: real containerd, kubelets and control plane in namespaces.',
  checkName: checkClusterName,
  faults: CLUSTER_FAULTS,
  nodeHelp: 'name of the node; by default the one that holds an address',
  status: (cluster) => told(clusterState(cluster).read()),
  inject: async (cluster, fault, { node }) => {
    const injected = await injectFault(cluster, fault, node);
    return [injected, `${fault} on ${injected.node} at ${injected.injectedAt.wall}`];
  },
  heal: async (cluster, which) => {
    const healed = await healFaults(cluster, which);
    return [{ healed }, healedText(healed.map((each) => `${each.fault} on ${each.node}`))];
  },
  takeDown,
});

async function told(state: ClusterState): Promise<Told> {
  const status = await clusterStatus(state);
  return [status, formatStatus(status)];
}

up.option('--control-planes <count>', '1: on a machine of its own; 3 or 5: on that many of the nodes', wholeNumber, 1)
  .option('--no-ingress', 'without an ingress on every node')
  .option('--dns', 'with a DNS for names in the cluster', false)
  .action(async ({ nodes, controlPlanes, ingress, dns, json }: UpFlags) => {
    const parts = await readyParts(say);
    const archives = await imageArchives(say, dns);
    const options = { name: name(), nodes, controlPlanes, ingress, dns };
    const state = await interruptible((signal) => bringUp(options, parts, archives, say, signal), say);
    print(json, ...(await told(state)));
  });

program
  .command('load')
  .argument(
    '[image...]',
    "files of `docker save`, or images of docker, podman or buildah; by default the project's own",
  )
  .description('give images to every node')
  .action(async (given: string[]) => {
    const state = clusterState(name()).read();
    const images = given.length > 0 ? given : (await imageArchives(say)).map((each) => each.archive);
    await loadImages(state, images, say);
  });

program
  .command('exec')
  .argument('<machine>', 'node1, cp…')
  .argument('<command...>', 'program and its arguments; put `--` before it')
  .description('run a program on a machine')
  .action(async (given: string, command: string[]) => {
    const machine = clusterState(name())
      .read()
      .machines.find((each) => each.name === given);
    if (machine === undefined) throw new Error(`${given} is off, or there is no such machine`);
    const [file, ...args] = onMachine(machine, command);
    const { exitCode } = await execa(file, args, { stdio: 'inherit', reject: false });
    process.exitCode = exitCode ?? 1;
  });

await runCommand(program);
