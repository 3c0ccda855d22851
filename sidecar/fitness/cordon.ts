/** What is known of the node's being cordoned. */
export interface CordonState {
  /** Whether the settings ask for it, and there is a cluster to ask. */
  readonly watched: boolean;
  /** Whether the API tells now; what it told last stays in force while it does not. */
  readonly heard: boolean;
  /** Why the node shall take nothing new, null when nothing speaks against it, undefined while the API has not told yet. */
  readonly cordon: string | null | undefined;
  /** Wall clock in milliseconds since when `cordon` is what it is. */
  readonly sinceMs: number | undefined;
  /** Why the API does not tell. */
  readonly problem: string | null;
}

interface CordonDependencies {
  /** Called when the node is cordoned or no longer. */
  readonly onChange: (state: CordonState) => void;
  /** Called when it is no longer told whether the node is cordoned, and when it is told again. */
  readonly onProblem: (problem: string | null) => void;
  readonly now: () => number;
}

const UNWATCHED: CordonState = { watched: false, heard: false, cordon: undefined, sinceMs: undefined, problem: null };

/** Keeps what the Kubernetes API last told of the node's being cordoned. Only what it told counts: its silence changes nothing. */
export class Cordon {
  readonly #dependencies: CordonDependencies;
  #state = UNWATCHED;

  constructor(dependencies: CordonDependencies) {
    this.#dependencies = dependencies;
  }

  get state(): CordonState {
    return this.#state;
  }

  /** Whether the node was cordoned when the API last told. */
  get cordoned(): boolean {
    return typeof this.#state.cordon === 'string';
  }

  /**
   * Begins to count what is told.
   * @param known what was told before this process began; undefined when that is not known
   */
  begin(known: string | null | undefined): void {
    if (this.#state.watched) return;
    this.#state = { ...UNWATCHED, watched: true };
    if (known !== undefined) this.#set(known);
  }

  /** Takes what the API tells: why the node shall take nothing new, or null. */
  tell(cordon: string | null): void {
    if (!this.#state.watched) return;
    this.#state = { ...this.#state, heard: true };
    this.#set(cordon);
  }

  /** Takes the reason why the API does not tell any more, or null when it tells again. */
  report(problem: string | null): void {
    if (!this.#state.watched || this.#state.problem === problem) return;
    this.#state = { ...this.#state, heard: problem === null && this.#state.heard, problem };
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
