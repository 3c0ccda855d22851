import { HTTP_STATUS } from '../../common/http-status.ts';
import type { ApiAccess } from '../../common/kubernetes-access.ts';
import { ApiWatch, WatchError, type WatchLimits, type WatchRound } from './api-watch.ts';
import { readNodeEvent } from './node-event.ts';

interface NodeWatchOptions extends ApiAccess {
  /** Name of the node to watch. */
  readonly node: string;
  readonly limits?: Partial<WatchLimits>;
}

interface NodeWatchDependencies {
  /** Called with every observed state: why the node shall take nothing new, or null. */
  readonly onCordon: (cordon: string | null) => void;
  /** Called with the reason when the node cannot be watched any more, once per kind of reason, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/**
 * Follows whether the node is cordoned, by a watch of this one node. It begins without a resource version, so that the server first sends
 * what is (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch): no list, no bookmark and no version that
 * could be too old. Nothing waits for it: while the API is away, what was observed last stays in force.
 */
export class NodeWatch {
  readonly #node: string;
  readonly #onCordon: (cordon: string | null) => void;
  readonly #watch: ApiWatch;

  constructor({ node, ...options }: NodeWatchOptions, { onCordon, onProblem, random }: NodeWatchDependencies) {
    this.#node = node;
    this.#onCordon = onCordon;
    this.#watch = new ApiWatch(
      { ...options, resource: 'nodes' },
      { round: (round) => this.#read(round), onProblem, random },
    );
  }

  /** Begins to watch; does nothing when it watches already. */
  start(): void {
    this.#watch.start();
  }

  /** Ends watching; may be called twice, and be followed by another start. */
  stop(): void {
    this.#watch.stop();
  }

  async #read(round: WatchRound): Promise<void> {
    let observed = false;
    for await (const line of round.watch('/api/v1/nodes', { fieldSelector: `metadata.name=${this.#node}` })) {
      observed = this.#handle(line) || observed;
    }
    if (!observed) throw new WatchError(`the API tells nothing of a node ${this.#node}`);
  }

  /** Handles one event; whether it said anything of the node. */
  #handle(line: string): boolean {
    const event = readNodeEvent(line);
    if (event.kind === 'node') {
      this.#watch.reportWell();
      this.#onCordon(event.cordon);
    } else if (event.kind === 'error' && event.code !== HTTP_STATUS.gone) {
      // A watch that is gone could not follow any more; the next one begins with what is.
      throw new WatchError(event.message);
    }
    return event.kind !== 'nothing';
  }
}
