/* What the tests and the servers of the proxy's tests say to each other. */

/** What a server is told. */
export interface ServerOrder {
  /** Status of `/readyz` from now on. */
  readonly readyz: number;
}
