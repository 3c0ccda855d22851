import type { Logger } from 'pino';
import type { Move } from './events/moves.ts';
import type { EventOutcome } from './events/recorder.ts';
import { reasonOf } from './kubernetes/api-error.ts';
import type { ClusterEvent } from './kubernetes/cluster-api.ts';
import type { ObjectReference } from './kubernetes/references.ts';
import type { ReconcilerReports } from './reconcile/reconciler.ts';
import type { Metrics } from './server/metrics.ts';

interface ReportsDependencies {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** An object as log lines name it. */
function named({ kind, namespace, name }: ObjectReference): Readonly<Record<string, string>> {
  if (kind === 'VirtualIPPool') return { pool: name };
  return { kind, ...(namespace === undefined ? {} : { namespace }), name };
}

/** Says in logs and metrics what is done, and what fails. */
export class Reports implements ReconcilerReports {
  readonly #log: Logger;
  readonly #metrics: Metrics;

  constructor({ log, metrics }: ReportsDependencies) {
    this.#log = log;
    this.#metrics = metrics;
  }

  planned(seconds: number): void {
    this.#metrics.planned(seconds);
  }

  allocated(seconds: number): void {
    this.#metrics.allocated(seconds);
  }

  wrote(stage: string, name: string): void {
    this.#metrics.wrote(stage, 'success');
    this.#log.debug({ kind: stage, name }, 'written');
  }

  writeFailed(stage: string, name: string, error: unknown): void {
    this.#metrics.wrote(stage, 'error');
    this.#log.warn({ kind: stage, name, why: reasonOf(error) }, 'cannot be written; it is tried again');
  }

  definitionsOlder(): void {
    this.#log.warn(
      'the custom resource definitions in the cluster are older than the controller: nodes get plans without what these do not have: the first address of a new Service waits for an election, and what only so many nodes are to have (distribution.mode Replicas) none has; bring them up to date with: kubectl apply --server-side -f chart/crds/',
    );
  }

  moved({ pool, addresses }: Move): void {
    this.#metrics.moved(pool, addresses.length);
  }

  event({ regarding, reason, note }: ClusterEvent, outcome: EventOutcome, error?: unknown): void {
    this.#metrics.event(reason, outcome);
    const about = { ...named(regarding), reason };
    if (outcome === 'written') this.#log.info(about, note);
    else this.#log.warn({ ...about, outcome, ...(error === undefined ? {} : { why: reasonOf(error) }) }, note);
  }

  watchFailed(resource: string, error: unknown, retryMs: number): void {
    this.#metrics.informerFailed(resource);
    const about = { resource, why: reasonOf(error), retryMs: Math.round(retryMs) };
    this.#log.warn(about, 'the API does not tell of changes; trying again');
  }

  leaseFailed(error: unknown): void {
    this.#metrics.leaseFailed();
    this.#log.warn({ why: reasonOf(error) }, 'the lease cannot be written; it is tried again');
  }

  runFailed(error: unknown, retryMs: number): void {
    this.#metrics.runFailed();
    const about = { why: reasonOf(error), retryMs: Math.round(retryMs) };
    this.#log.error(about, 'not everything could be done; trying again');
  }
}
