import type { ApiAccess } from '../../common/kubernetes-access.ts';
import type { Cordon } from '../fitness/cordon.ts';
import { NodeWatch } from '../kubernetes/node-watch.ts';

interface CordonFollowerOptions {
  /** Undefined outside of a cluster. */
  readonly access: ApiAccess | undefined;
  readonly node: string;
}

interface CordonFollowerDependencies {
  readonly cordon: Pick<Cordon, 'begin' | 'observe' | 'report' | 'end'>;
  /** Keeps what is known for the next start; undefined: nothing. */
  readonly keep: (cordon: string | null | undefined) => void;
}

/** Follows whether the node is cordoned, while the settings ask for it. */
export class CordonFollower {
  readonly #dependencies: CordonFollowerDependencies;
  readonly #watch: NodeWatch | undefined;

  constructor({ access, node }: CordonFollowerOptions, dependencies: CordonFollowerDependencies) {
    this.#dependencies = dependencies;
    if (access === undefined || node === '') return;
    const { cordon, keep } = dependencies;
    this.#watch = new NodeWatch(
      { ...access, node },
      {
        onCordon: (reason) => {
          cordon.observe(reason);
          keep(reason);
        },
        onProblem: (problem) => cordon.report(problem),
      },
    );
  }

  /**
   * Begins or ends following.
   * @param enabled whether the settings ask for it
   * @param known what was known before this process began
   */
  apply(enabled: boolean, known?: string | null): void {
    if (this.#watch === undefined) return;
    const { cordon, keep } = this.#dependencies;
    if (enabled) {
      cordon.begin(known);
      this.#watch.start();
    } else {
      this.#watch.stop();
      cordon.end();
      keep(undefined);
    }
  }

  /** Ends following; what is known stays in force. May be called twice. */
  stop(): void {
    this.#watch?.stop();
  }
}
