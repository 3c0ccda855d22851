import type { Instant } from './clock.ts';
import { PreparedCommand } from './prepared-command.ts';

/* What faults of the lab and of the cluster have in common. */

/**
 * Does the damage. Everything that takes time has been done before: what is left is a system call or a line to a waiting program.
 * Gives the node afterwards where it is not as before.
 */
export type Strike<Node> = () => void | Promise<void> | Promise<Node>;

/** What can be done to a node, and undone. */
export interface Fault<Target, Node> {
  /** Gets everything ready. @throws Error when there is nothing to damage. */
  prepare(target: Target): Promise<Strike<Node>>;
  /** Undoes the damage. Gives the node afterwards where it is not as before. */
  heal(target: Target): Promise<void> | Promise<Node>;
}

/** A fault that was injected and not healed yet. */
export interface ActiveFault<Fault extends string> {
  readonly name: Fault;
  readonly node: string;
  readonly injectedAt: Instant;
}

/** Which faults are meant; all by default. */
export interface FaultFilter<Fault extends string> {
  readonly fault?: Fault | undefined;
  readonly node?: string | undefined;
}

/** Whether a filter means a fault. Pure. */
export function isMeant<Fault extends string>(
  active: ActiveFault<Fault>,
  { fault, node }: FaultFilter<Fault>,
): boolean {
  return (fault ?? active.name) === active.name && (node ?? active.node) === active.node;
}

/** The one node that is to be damaged where none is named. @throws Error when not exactly one holds the address */
export function soleHolder([holder, ...others]: readonly string[], address: string): string {
  if (holder !== undefined && others.length === 0) return holder;
  const holders = [holder, ...others].filter((each) => each !== undefined).join(' and ') || 'no node';
  throw new Error(`${holders} holds ${address}: say which node is meant with --node`);
}

/** @throws Error when this fault is among those that are active on one of the nodes */
export function refuseActive<Fault extends string>(
  active: readonly ActiveFault<Fault>[],
  fault: Fault,
  nodes: readonly string[],
): void {
  const found = active.find((each) => each.name === fault && nodes.includes(each.node));
  if (found !== undefined) throw new Error(`${fault} is active on ${found.node} already: heal it first`);
}

/** States of a bridge port (linux/if_bridge.h). */
const PORT = { disabled: 0, forwarding: 3 } as const;

/** What can befall a port of the switch: the program and the question that it answers first, the damage, and its undoing. */
const SWITCH_FAULTS = {
  'carrier lost': {
    program: 'ip',
    question: 'link show dev lo',
    strike: (port: string) => `link set dev ${port} down`,
    heal: (port: string) => `link set dev ${port} up`,
  },
  'frames lost': {
    program: 'bridge',
    question: 'link show',
    strike: (port: string) => `link set dev ${port} state ${PORT.disabled}`,
    heal: (port: string) => `link set dev ${port} state ${PORT.forwarding}`,
  },
} as const;

/** Gets an order to the switch ready: what is left is a line to a waiting program. */
export async function prepareSwitch(
  fault: keyof typeof SWITCH_FAULTS,
  order: 'strike' | 'heal',
  switchNetns: string,
  port: string,
): Promise<() => Promise<void>> {
  const { program, question, [order]: lineFor } = SWITCH_FAULTS[fault];
  const command = await PreparedCommand.start(program, switchNetns, question);
  return () => command.run(lineFor(port));
}
