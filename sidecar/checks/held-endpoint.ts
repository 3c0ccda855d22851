import { bracketed } from '../../common/addresses.ts';
import type { Endpoint } from '../probes/endpoint.ts';
import { Tripwire } from './tripwire.ts';
import { type CheckChange, type CheckView, NOTHING_KNOWN } from './types.ts';

/** How seldom a port that refuses is tried at least: a container that was started again is to be noticed soon. */
const INTERVAL_SECONDS = 0.25;
/** For making a connection to a pod on this node. */
const TIMEOUT_SECONDS = 1;

interface HeldEndpointDependencies {
  readonly monotonicMs: () => number;
  /** Called when it is gone, and when it is there again. */
  readonly onChange: (change: CheckChange) => void;
}

/**
 * An endpoint on this node to which a connection is held. It is gone once the connection broke and two more were refused, until one is made
 * again. One that never had a connection is none of which anything is known: a network policy may keep the node from it.
 */
export class HeldEndpoint {
  /** It is no check that asks. */
  readonly worker = undefined;
  readonly refusedPorts: readonly [] = [];
  readonly #tripwire: Tripwire;
  #view: CheckView = NOTHING_KNOWN;

  constructor({ host, port }: Endpoint, { monotonicMs, onChange }: HeldEndpointDependencies) {
    const name = `${bracketed(host)}:${port}`;
    const set = (healthy: boolean) => {
      this.#view = { healthy, sinceMs: monotonicMs(), everFailed: this.#view.everFailed || !healthy };
    };
    this.#tripwire = new Tripwire(
      { host, port, intervalSeconds: INTERVAL_SECONDS, timeoutSeconds: TIMEOUT_SECONDS, judged: true },
      {
        onTripped: () => undefined,
        onConnected: () => {
          if (this.#view.healthy === undefined) set(true);
        },
        onChange: ({ refused }) => {
          if (this.#view.healthy === undefined || this.#view.healthy === !refused) return;
          set(!refused);
          const what = refused ? 'broke the held connection and refuses others' : 'takes connections again';
          onChange({ healthy: !refused, lastResult: { reason: `${name} ${what}` } });
        },
      },
    );
  }

  /** False: it is gone; undefined: no connection to it was ever made. */
  get view(): CheckView {
    return this.#view;
  }

  /** Connects. */
  start(): void {
    this.#tripwire.start();
  }

  /** Lets the connection go; may be called twice. */
  stop(): void {
    this.#tripwire.stop();
  }
}
