import { Command } from 'commander';
import { helpTable, print, wholeNumber } from './command-line.ts';
import type { FaultFilter } from './faults.ts';
import { knownName } from './named.ts';
import { DEFAULT_PLACE } from './place-names.ts';
import { say } from './print.ts';

/* The command line that the lab and the cluster have in common. */

export interface Json {
  readonly json?: boolean;
}

/** Which faults are meant, and for which interface where that matters. */
interface Meant<Fault extends string> extends FaultFilter<Fault> {
  readonly nic?: string;
}

/** What a command gives: an object for programs, a text for people. */
export type Told = readonly [result: object, text: string];

/** A kind of place with nodes, of which several can be up at the same time, by their names. */
interface Place<Fault extends string> {
  /** `lab` */
  readonly kind: string;
  readonly what: string;
  /** @throws Error that says what a name may look like */
  readonly checkName: (name: string) => string;
  /** Every fault, with what it does. */
  readonly faults: Readonly<Record<Fault, string>>;
  /** How a node is chosen, for people. */
  readonly nodeHelp: string;
  readonly status: (name: string) => Promise<Told>;
  readonly inject: (name: string, fault: Fault, flags: Meant<Fault>) => Promise<Told>;
  readonly heal: (name: string, which: Meant<Fault>) => Promise<Told>;
  readonly takeDown: (name: string) => Promise<void>;
}

/** Makes the command line of a kind of place: `status`, `fault`, `heal` and `down`, and `up`, of which it knows what is the same. */
export function placeProgram<Fault extends string>({ kind, faults, ...place }: Place<Fault>) {
  const program = new Command(kind)
    .description(place.what)
    .option('--name <name>', `which ${kind}: several can be up at the same time`, place.checkName, DEFAULT_PLACE)
    .helpOption('-h, --help')
    .showHelpAfterError();
  const name = () => program.opts<{ readonly name: string }>().name;
  const command = (usage: string, what: string) => program.command(usage).description(what);
  const up = command('up', `bring the ${kind} up`)
    .option('--nodes <count>', 'number of nodes', wholeNumber, 3)
    .option('--json', 'print the status as JSON');
  command('status', 'who holds what, and what runs')
    .option('--json', 'print JSON')
    .action(async ({ json }: Json) => print(json, ...(await place.status(name()))));
  const fault = command('fault', 'break something on a node')
    .argument('<fault>', 'what to break')
    .option('--node <node>', place.nodeHelp)
    .option('--json', 'print JSON')
    .addHelpText('after', helpTable('Faults', Object.entries(faults)))
    .action(async (given: string, { json, ...flags }: Json & Meant<Fault>) => {
      print(json, ...(await place.inject(name(), knownName('fault', faults, given), flags)));
    });
  const heal = command('heal', 'repair what was broken')
    .argument('[fault]', 'what to repair; by default everything')
    .option('--node <node>', 'only on this node')
    .option('--json', 'print JSON')
    .action(async (given: string | undefined, { json, ...flags }: Json & Meant<Fault>) => {
      const wanted = given === undefined ? undefined : knownName('fault', faults, given);
      print(json, ...(await place.heal(name(), { ...flags, fault: wanted })));
    });
  command('down', `remove the ${kind} with everything in it`).action(async () => {
    await place.takeDown(name());
    say(`nothing of the ${kind} is left`);
  });
  return { program, up, fault, heal, name };
}

/** Cells of a table of nodes: the pids of programs. Pure. */
export function pidCells(pids: readonly (number | null)[]): string[] {
  return pids.map((pid) => String(pid ?? '-'));
}

/** What was repaired, for people. Pure. */
export function healedText(done: readonly string[]): string {
  return done.length === 0 ? 'nothing to heal' : `healed: ${done.join(', ')}`;
}
