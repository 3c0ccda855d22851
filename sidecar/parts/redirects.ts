import type { Logger } from 'pino';
import type { Timers } from '../../common/clock.ts';
import type { CheckName } from '../checks/types.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import type { Masquerade, Redirect, Redirects, RedirectsFile } from '../runtime/redirects.ts';
import type { RedirectStatus } from '../runtime/supervisor-status.ts';
import { AskedFile } from './asked-file.ts';
import type { Part } from './part.ts';

/** The key of the check that says whether the proxy of this node can serve. */
export const PROXY_CHECK: CheckName = 'proxy';

/** Nothing to redirect, and no port to close. */
const NOTHING: Redirects = { redirects: [], guards: [] };

/** What of the settings says what is redirected. */
type Redirected = Pick<ProxySettings, 'addresses' | 'ports' | 'ipvs'>;

/** Whether IPVS balances an address, in the proxy's place, for all but the nodes themselves. */
function isByIpvs({ ipvs }: Redirected, address: string, hasIpvs: boolean): boolean {
  const asked = ipvs?.servers.some((server) => server.address === address) === true;
  return asked && (hasIpvs || ipvs?.fallback === false);
}

/** Only a packet that is rewritten comes back by itself to who rewrote it; it must be rewritten on both sides for that. */
function masqueradesOf({ ipvs, ports }: Redirected, hasIpvs: boolean): readonly Masquerade[] {
  const rewritten = hasIpvs ? (ipvs?.servers.filter(({ kind }) => kind === 'NAT') ?? []) : [];
  return rewritten.flatMap(({ address }) => ports.map(({ port }) => ({ address, port })));
}

/**
 * What a node is to redirect: every port of every virtual address to the proxy while that accepts, whether the node holds the address or not,
 * so that the address is the balancer of the node's own connections, too. While it does not accept, they go where they would without it: to
 * the node's own server where the node holds the address, else to the holder. The proxy's ports stay closed to others. Of an address that
 * IPVS balances, only what the node and its pods ask: IPVS could not answer the holder itself. Pure.
 * @param hasIpvs whether the kernel has IPVS, as far as is known
 */
export function redirectsOf(redirected: Redirected, accepts: boolean, hasIpvs = true): Redirects {
  const { addresses, ports } = redirected;
  const redirects = addresses.flatMap((address) => {
    const own = isByIpvs(redirected, address, hasIpvs) ? ({ own: true } as const) : {};
    return ports.map(({ port, bindPort }): Redirect => ({ address, port, toPort: bindPort, ...own }));
  });
  const masquerades = masqueradesOf(redirected, hasIpvs);
  return {
    redirects: accepts ? redirects : [],
    guards: ports.map(({ bindPort }) => bindPort),
    ...(masquerades.length === 0 ? {} : { masquerades }),
  };
}

/** Why the proxy's addresses are not all redirected; null when they are, as far as is known. Pure. */
export function redirectProblem(status: RedirectStatus | undefined): string | null {
  if (status === undefined || status.messages.length === 0) return null;
  return `not all is redirected to the proxy: ${status.messages.join('; ')}`;
}

interface RedirectionDependencies {
  readonly file: Pick<RedirectsFile, 'write'>;
  /** What the settings in force ask of a proxy; null for none. */
  readonly settings: () => ProxySettings | null;
  /** Whether the proxy of this node can serve; undefined while that is not known. */
  readonly accepts: () => boolean | undefined;
  /** Whether the kernel of this node has IPVS, as far as is known. */
  readonly hasIpvs?: () => boolean;
  /** Has the supervisor look at once. */
  readonly wake: () => Promise<void>;
  readonly log: Logger;
  readonly timers?: Timers;
}

/** Has the virtual addresses of the control plane redirected to this node's proxy while that can serve. */
export class Redirection implements Part {
  readonly #dependencies: RedirectionDependencies;
  readonly #asked: AskedFile<Redirects>;
  #on: boolean | undefined;

  constructor(dependencies: RedirectionDependencies) {
    this.#dependencies = dependencies;
    this.#asked = new AskedFile({
      ...dependencies,
      desired: () => this.#desired(),
      onAsked: (desired) => this.#tell(desired),
      what: 'what to redirect',
    });
  }

  /** What is redirected may be the word of a process before this one: it stays until something is known. */
  start(): Promise<void> {
    return this.#asked.start();
  }

  /** What is redirected stays, over a restart of this process. */
  stop(): void {
    this.#asked.stop();
  }

  /** Looks at what is to be redirected now. Never rejects. */
  review(): Promise<void> {
    return this.#asked.review();
  }

  /**
   * An address came to the node or left it: has the supervisor look, which ends the node's own connections to one that left. They would
   * hang. Nothing where there is no proxy. Never rejects.
   */
  async addressMoved(): Promise<void> {
    const { settings, wake, log } = this.#dependencies;
    if (!this.#asked.started || settings() === null) return;
    await wake().catch((error: unknown) => log.warn({ err: error }, 'cannot wake the supervisor'));
  }

  #desired(): Redirects | undefined {
    const { settings, accepts, hasIpvs = () => true } = this.#dependencies;
    const proxy = settings();
    if (proxy === null) return NOTHING;
    const can = accepts();
    return can === undefined ? undefined : redirectsOf(proxy, can, hasIpvs());
  }

  #tell({ redirects }: Redirects): void {
    const on = redirects.length > 0;
    if (on === this.#on) return;
    this.#on = on;
    const addresses = redirects.map(({ address }) => address);
    this.#dependencies.log.info(
      { addresses },
      on ? 'the proxy accepts: its addresses are redirected to it' : 'nothing is redirected to the proxy',
    );
  }
}
