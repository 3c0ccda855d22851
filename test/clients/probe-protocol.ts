/** What the parent tells a probe worker, as its one argument in JSON. */
export interface WorkerOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly path: string;
  /** The authority that must have signed the server's certificate, as PEM; without one the requests are not encrypted. */
  readonly ca?: string;
  readonly interfaceName: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Attempts at one address that may be under way; slots beyond are counted as missed. */
  readonly maxInFlight: number;
  /** Whether the neighbour entry of the address is removed before every attempt. */
  readonly forget: boolean;
}

/** What a worker tells its parent every now and then, and at its end. */
export interface ProbeMessage {
  /** address, start and end in ms of CLOCK_MONOTONIC, success, who answered or why nobody did. */
  readonly attempts: [string, number, number, boolean, string][];
  /** Slots so far in which no attempt was made, because the machine did not let the client run or too many were under way. */
  readonly missed: number;
}
