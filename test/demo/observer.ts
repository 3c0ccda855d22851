import type { ChildProcess } from 'node:child_process';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { nodeDirectory } from '../lab/node-directory.ts';
import { gateFile, RUNTIME_VOLUME } from '../lab/runtime-files.ts';
import type { LabState } from '../lab/state.ts';
import { networkOf } from '../lab/targets.ts';
import { monitorAddresses } from '../support/address-monitor.ts';
import { monotonicMs } from '../support/clock.ts';

/** Something that the outside of a node shows, at the moment at which it was seen (ms of CLOCK_MONOTONIC). */
export type NodeEvent = { readonly atMs: number; readonly node: string } & (
  | { readonly kind: 'gate'; readonly value: number }
  | { readonly kind: 'address'; readonly address: string; readonly added: boolean }
);

/** Watches the nodes' addresses and gate files as they change. */
export class Observer {
  readonly #state: LabState;
  readonly #events: NodeEvent[] = [];
  readonly #monitors: ChildProcess[] = [];
  readonly #watchers: FSWatcher[] = [];

  constructor(state: LabState) {
    this.#state = state;
  }

  start(): void {
    if (this.#monitors.length > 0) {
      return;
    }
    for (const host of networkOf(this.#state).nodes) {
      this.#watchGate(host.name);
      this.#monitorAddresses(host.name, host.netns);
    }
  }

  stop(): void {
    for (const watcher of this.#watchers.splice(0)) {
      watcher.close();
    }
    for (const monitor of this.#monitors.splice(0)) {
      monitor.kill('SIGKILL');
    }
  }

  /** What has been seen since then, in order. */
  events(sinceMs: number): NodeEvent[] {
    return this.#events.filter((event) => event.atMs >= sinceMs);
  }

  #watchGate(node: string): void {
    const file = gateFile(nodeDirectory(this.#state.name, node).volume(RUNTIME_VOLUME));
    const watcher = watch(dirname(file), (_, name) => {
      const atMs = monotonicMs();
      if (name === basename(file)) {
        this.#events.push({ atMs, node, kind: 'gate', value: readNumber(file) });
      }
    });
    this.#watchers.push(watcher);
  }

  #monitorAddresses(node: string, netns: string): void {
    const monitor = monitorAddresses(netns, (atMs, change) => {
      this.#events.push({ atMs, node, kind: 'address', ...change });
    });
    this.#monitors.push(monitor);
  }
}

function readNumber(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return Number.NaN;
  }
}
