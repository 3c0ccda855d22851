/** Autonomous systems, of those that are private (RFC 6996). */
export const NODES_AS = 64_512;
export const ROUTERS_AS = 64_513;

/** The folder of a router's files, in its container. */
export const RUN = '/run/router';

/** A node, as a router knows it. */
export interface Neighbour {
  readonly name: string;
  readonly addresses: Readonly<Record<4 | 6, string>>;
  readonly netns: string;
}

/** Where a router is. */
export interface RouterPlace {
  /** Its IPv4 address in the nodes' network. */
  readonly address: string;
  /** Its IPv4 address in the client's network. */
  readonly behind: string;
}
