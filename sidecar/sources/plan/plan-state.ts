import type { NodePlanSpec } from '../../../api/node-plan.ts';
import { readPlan } from './plan.ts';

/** What is known of the node's plan. */
export interface PlanView {
  /** Whether the settings ask for it, and there is a cluster to ask. */
  readonly watched: boolean;
  /** Whether the watch is up to date; the last plan stays in force while it is not. */
  readonly synced: boolean;
  /** The plan in force; null when there is none, undefined while nothing was observed yet. */
  readonly plan: NodePlanSpec | null | undefined;
  /** Whether there is an object that a status can be written to. */
  readonly exists: boolean;
  /** Whether this process is the first that the plan was made for: when it first asked, the node had none, or had never reported on it. */
  readonly fresh: boolean;
  /** Why the watch is not up to date. */
  readonly problem: string | null;
  /** Why the newest plan is not the one in force. */
  readonly refused: string | null;
  /** What of the newest plan is left out or goes on as it was, in sentences. */
  readonly problems: readonly string[];
}

interface PlanStateDependencies {
  /** Called when another plan is in force; null for none. */
  readonly onPlan: (plan: NodePlanSpec | null) => void;
  /** Called when a plan is refused, the one before stays in force, and with null when the newest one is not refused any more. */
  readonly onRefused: (reason: string | null) => void;
  /** Called when the newest plan is in force but for a part of it, and with nothing when it is in force as a whole again. */
  readonly onIncomplete: (problems: readonly string[]) => void;
  /** Called when the watch is no longer up to date, and with null when it is again. */
  readonly onProblem: (problem: string | null) => void;
}

const UNWATCHED: PlanView = {
  watched: false,
  synced: false,
  plan: undefined,
  exists: false,
  fresh: false,
  problem: null,
  refused: null,
  problems: [],
};

/** Keeps the plan that was observed last. Only what the Kubernetes API says counts: its silence changes nothing. */
export class PlanState {
  readonly #dependencies: PlanStateDependencies;
  #view = UNWATCHED;
  #text: string | undefined;
  /** The newest spec as it was observed. */
  #observedText: string | undefined;
  /** Whether anything was observed since the beginning. */
  #observed = false;

  constructor(dependencies: PlanStateDependencies) {
    this.#dependencies = dependencies;
  }

  get view(): PlanView {
    return this.#view;
  }

  /** The plan in force; null for none. */
  get plan(): NodePlanSpec | null {
    return this.#view.plan ?? null;
  }

  /**
   * Begins to count what is observed.
   * @param known the plan that was observed before this process began, null for none; undefined when that is not known
   */
  begin(known: NodePlanSpec | null | undefined): void {
    if (this.#view.watched) return;
    this.#view = { ...UNWATCHED, watched: true };
    if (known !== undefined) this.#set(known);
  }

  /**
   * Reads the observed spec, or null when there is no plan.
   * @param reported whether the node has ever reported on it
   */
  observe(spec: unknown, reported = true): void {
    if (!this.#view.watched) return;
    const first = !this.#observed && this.plan === null;
    const fresh = first ? spec === null || !reported : this.#view.fresh;
    this.#observed = true;
    this.#view = { ...this.#view, synced: true, exists: spec !== null, fresh };
    // Every report of this node comes back with the plan that it is about: to check thousands of addresses again takes its time.
    const text = JSON.stringify(spec);
    if (text === this.#observedText) return;
    this.#observedText = text;
    const read = spec === null ? { ok: true as const, plan: null, problems: [] } : readPlan(spec, this.plan);
    this.#setRefused(read.ok ? null : read.reason);
    if (!read.ok) return;
    this.#set(read.plan);
    this.#setProblems(read.problems);
  }

  /** Sets why the watch is not up to date any more, or null when it is again. */
  report(problem: string | null): void {
    if (!this.#view.watched || this.#view.problem === problem) return;
    this.#view = { ...this.#view, synced: problem === null, problem };
    this.#dependencies.onProblem(problem);
  }

  /** Ends counting: the node then takes part in no pool. */
  end(): void {
    const before = this.plan;
    this.#view = UNWATCHED;
    this.#text = undefined;
    this.#observedText = undefined;
    this.#observed = false;
    if (before !== null) this.#dependencies.onPlan(null);
  }

  #setRefused(reason: string | null): void {
    if (reason === this.#view.refused) return;
    this.#view = { ...this.#view, refused: reason };
    this.#dependencies.onRefused(reason);
  }

  #setProblems(problems: readonly string[]): void {
    if (JSON.stringify(problems) === JSON.stringify(this.#view.problems)) return;
    this.#view = { ...this.#view, problems };
    this.#dependencies.onIncomplete(problems);
  }

  #set(plan: NodePlanSpec | null): void {
    const text = JSON.stringify(plan);
    if (text === this.#text) return;
    this.#text = text;
    this.#view = { ...this.#view, plan };
    this.#dependencies.onPlan(plan);
  }
}
