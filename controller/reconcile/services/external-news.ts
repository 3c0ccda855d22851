import type { EventRecorder } from '../../events/recorder.ts';
import type { ClusterEvent } from '../../kubernetes/cluster-api.ts';
import { serviceReference } from '../../kubernetes/references.ts';
import { externalText } from '../../services/external.ts';
import type { ExternalVerdict } from '../../services/types.ts';
import type { PendingWrite } from '../stage.ts';

/** Of one Service so many refusals are told at a time. */
const MOST_TOLD = 4;

function eventsOf({ service: { metadata }, refused }: ExternalVerdict): ClusterEvent[] {
  const regarding = serviceReference(metadata);
  return refused.slice(0, MOST_TOLD).map((each) => {
    return { regarding, type: 'Warning', reason: each.refusal.reason, action: 'Allocate', note: externalText(each) };
  });
}

/**
 * Tells Services which addresses of spec.externalIPs are not placed, and why: once, and again when that changes. Nothing of that is stored,
 * so that the next leader tells it once more.
 */
export class ExternalNews {
  readonly #recorder: Pick<EventRecorder, 'record'>;
  /** By uid. */
  readonly #told = new Map<string, string>();

  constructor({ recorder }: { readonly recorder: Pick<EventRecorder, 'record'> }) {
    this.#recorder = recorder;
  }

  /** @param verdicts of all Services of which there are any */
  of(verdicts: readonly ExternalVerdict[]): PendingWrite[] {
    const known = new Set(verdicts.map(({ service }) => service.metadata.uid));
    for (const uid of this.#told.keys()) if (!known.has(uid)) this.#told.delete(uid);
    return verdicts.flatMap((verdict) => {
      const { namespace, name, uid } = verdict.service.metadata;
      const text = verdict.refused.map(externalText).join();
      if (text === (this.#told.get(uid) ?? '')) return [];
      return [{ name: `${namespace}/${name}`, write: () => this.#tell(uid, text, eventsOf(verdict)) }];
    });
  }

  /** Not waited for, as all Events. */
  #tell(uid: string, text: string, events: readonly ClusterEvent[]): Promise<void> {
    this.#told.set(uid, text);
    if (events.length > 0) void this.#recorder.record(events);
    return Promise.resolve();
  }
}
