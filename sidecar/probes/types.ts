/** What one probe attempt found. Never thrown: a probe answers with a result whatever happens. */
export interface ProbeResult {
  readonly outcome: ProbeOutcome;
  /** One line for an operator: what was tried and what came back. */
  readonly reason: string;
  readonly durationSeconds: number;
  /**
   * The system error's code, where there was one. `ETIMEDOUT` also when the probe's own time-out ended it; of the refusals, `ECONNREFUSED`
   * says that nothing listens, `ECONNRESET` that something listened and dropped the connection.
   */
  readonly code?: string;
  /** How many ready endpoints the node has, where the answer says so, as kube-proxy's does at a Service's health check port. */
  readonly endpoints?: number;
}

/**
 * `success` and `failure` count towards the thresholds. `refused` is a failure that the peer's kernel stated outright (RST to a SYN,
 * or a reset before an answer): nothing serves there now. `inconclusive` says nothing about the target (this process was starved of CPU).
 */
export type ProbeOutcome = 'success' | 'failure' | 'refused' | 'inconclusive';

/** One way of asking a target whether it is well. */
export interface Probe {
  /** What is asked, for logs and /status: a URL or host:port, never a credential. */
  readonly target: string;
  /** Asks once, within the time-out the probe was built with; aborted early by `signal`. Never rejects. */
  probe(signal: AbortSignal): Promise<ProbeResult>;
}
