/** What is known of the node's being cordoned. */
export interface CordonState {
  /** Whether the settings ask for it, and there is a cluster to ask. */
  readonly watched: boolean;
  /** Whether the watch is up to date; while it is not, what was observed last stays in force. */
  readonly synced: boolean;
  /** Why the node shall take nothing new, null when nothing speaks against it, undefined while that is not known yet. */
  readonly cordon: string | null | undefined;
  /** Wall clock in milliseconds since when `cordon` is what it is. */
  readonly sinceMs: number | undefined;
  /** Why the watch is not up to date. */
  readonly problem: string | null;
}

interface CordonDependencies {
  /** Called when the node is cordoned or no longer. */
  readonly onChange: (state: CordonState) => void;
  /** Called when the watch is no longer up to date, and when it is again. */
  readonly onProblem: (problem: string | null) => void;
  readonly now: () => number;
}

const UNWATCHED: CordonState = { watched: false, synced: false, cordon: undefined, sinceMs: undefined, problem: null };

/** Whether the node is cordoned, as the Kubernetes API said last. Only what it says counts: its silence changes nothing. */
export class Cordon {
  readonly #dependencies: CordonDependencies;
  #state = UNWATCHED;

  constructor(dependencies: CordonDependencies) {
    this.#dependencies = dependencies;
  }

  get state(): CordonState {
    return this.#state;
  }

  /** Whether the node was cordoned when that was observed last. */
  get cordoned(): boolean {
    return typeof this.#state.cordon === 'string';
  }

  /**
   * Begins to count what is observed.
   * @param known what was observed before this process began; undefined when that is not known
   */
  begin(known: string | null | undefined): void {
    if (this.#state.watched) return;
    this.#state = { ...UNWATCHED, watched: true };
    if (known !== undefined) this.#set(known);
  }

  /** Sets what the API says: why the node shall take nothing new, or null. */
  observe(cordon: string | null): void {
    if (!this.#state.watched) return;
    this.#state = { ...this.#state, synced: true };
    this.#set(cordon);
  }

  /** Sets why the watch is not up to date any more, or null when it is again. */
  report(problem: string | null): void {
    if (!this.#state.watched || this.#state.problem === problem) return;
    this.#state = { ...this.#state, synced: problem === null && this.#state.synced, problem };
    this.#dependencies.onProblem(problem);
  }

  /** Ends counting: the node is then as if nobody had ever cordoned it. */
  end(): void {
    const before = this.cordoned;
    this.#state = UNWATCHED;
    if (before) this.#dependencies.onChange(this.#state);
  }

  #set(cordon: string | null): void {
    if (this.#state.cordon === cordon) return;
    const before = this.cordoned;
    this.#state = { ...this.#state, cordon, sinceMs: this.#dependencies.now() };
    if (before !== this.cordoned) this.#dependencies.onChange(this.#state);
  }
}
