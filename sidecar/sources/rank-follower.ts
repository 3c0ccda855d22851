import type { Logger } from 'pino';
import type { ApiAccess } from '../../common/kubernetes-access.ts';
import { ReleasePods } from '../kubernetes/release-pods.ts';

interface RankFollowerOptions {
  /** Undefined outside of a cluster. */
  readonly access: ApiAccess | undefined;
  /** Of this pod; undefined when that is not known. */
  readonly namespace: string | undefined;
  /** Empty: ranks are not followed. */
  readonly podSelector: string;
}

interface RankFollowerDependencies {
  /** Takes the order of the nodes. */
  readonly onNodes: (nodes: readonly string[]) => void;
  /** Takes the names of nodes by their addresses. */
  readonly onAddresses: (nodes: ReadonlyMap<string, string>) => void;
  readonly log: Logger;
}

/** Follows which nodes run the release's pods: from that come ranks, and which addresses are nodes' own. */
export class RankFollower {
  readonly #pods: ReleasePods | undefined;

  constructor({ access, namespace, podSelector }: RankFollowerOptions, dependencies: RankFollowerDependencies) {
    if (podSelector === '' || namespace === undefined || access === undefined) return;
    const { onNodes, onAddresses, log } = dependencies;
    this.#pods = new ReleasePods(
      { ...access, namespace, podSelector },
      {
        onNodes,
        onAddresses,
        onError: (reason) => log.warn({ reason }, 'cannot list the release’s pods; the last known rank stays in force'),
      },
    );
  }

  /** Begins to follow. */
  start(): void {
    this.#pods?.start();
  }

  /** Ends following; may be called twice. */
  stop(): void {
    this.#pods?.stop();
  }
}
