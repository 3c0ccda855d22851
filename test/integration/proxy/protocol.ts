/* What the processes of the proxy's tests say to each other. */

/** What a server is told. */
export interface ServerOrder {
  /** Status of `/readyz` from now on. */
  readonly readyz: number;
}

/** One request that got no good answer. */
export interface Failure {
  /** CLOCK_MONOTONIC when it began. */
  readonly atMs: number;
  /** How long it took. */
  readonly tookMs: number;
  /** `none` when no answer came until the client's own limit. */
  readonly why: string;
}

/** One time that a watch was without a server. */
export interface Gap {
  readonly watch: number;
  readonly from: string;
  readonly closedAtMs: number;
  /** When another server had answered. */
  readonly backAtMs: number;
  readonly to: string;
}

/** What clients saw. */
export interface LoadReport {
  readonly requests: number;
  readonly failures: readonly Failure[];
  /** Answers by server. */
  readonly answers: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly gaps: readonly Gap[];
  /** Watches that have a server now, by server. */
  readonly watching: Readonly<Record<string, number>>;
}

/** What clients see by now. */
export interface LoadProgress {
  readonly requests: number;
  /** Watches that have a server, by server. */
  readonly watching: Readonly<Record<string, number>>;
}

/** What the load says: now and then what it sees by now, and at its end everything. */
export type LoadMessage = { readonly progress: LoadProgress } | { readonly report: LoadReport };

/** What the load is to do. */
export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly caFile: string;
  readonly perSecond: number;
  readonly watches: number;
  /** A request without an answer for so long has failed. */
  readonly limitMs: number;
}
