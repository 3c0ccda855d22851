import type { Logger } from 'pino';
import { canonicalAddress } from '../../common/addresses.ts';
import { systemClock, systemTimers } from '../../common/clock.ts';
import {
  type CertificateVerdict,
  conditionOf,
  lackSentences,
  validitySentences,
  verdictsOf,
} from '../certificates/certificate-verdict.ts';
import { CertificateWatch } from '../certificates/certificate-watch.ts';
import { servedCertificate, type TlsEndpoint } from '../certificates/served-certificate.ts';
import type { CertifiedAddresses } from '../sources/proxy.ts';
import type { Condition } from '../status/snapshot.ts';
import type { Part } from './part.ts';

interface CertificatesDependencies {
  /** What the settings in force ask of certificates; null where they have no addresses of the control plane. */
  readonly settings: () => CertifiedAddresses | null;
  /** The API servers that the proxy has; null without one. */
  readonly servers: () => readonly TlsEndpoint[] | null;
  readonly log: Logger;
}

/** What is known of the certificates. */
interface CertificatesView {
  readonly certificates: readonly CertificateVerdict[];
  readonly condition: Condition;
}

/** The servers that clients of the addresses meet, and the ports at which they show a certificate. Pure. */
export function endpointsOf(
  settings: CertifiedAddresses | null,
  servers: readonly TlsEndpoint[] | null,
  nodeAddress: string,
): readonly TlsEndpoint[] {
  if (settings === null) return [];
  const { port, extraPorts, everyServer } = settings;
  const address = canonicalAddress(nodeAddress);
  const own = address === undefined ? [] : [{ address, port }];
  const all = everyServer ? (servers ?? own) : own;
  return all.flatMap((server) => [server.port, ...extraPorts].map((each) => ({ address: server.address, port: each })));
}

/**
 * Compares the certificates that API servers show with the virtual addresses: one that lacks an address is told before a client sees it. No
 * address waits for this, and none moves for it.
 */
export class Certificates implements Part {
  readonly #dependencies: CertificatesDependencies;
  readonly #watch: CertificateWatch;
  #told: readonly string[] = [];

  /** @param options.nodeAddress its API server is looked at where there is no proxy */
  constructor({ nodeAddress }: { readonly nodeAddress: string }, dependencies: CertificatesDependencies) {
    const { settings, servers } = dependencies;
    this.#dependencies = dependencies;
    this.#watch = new CertificateWatch({
      endpoints: () => endpointsOf(settings(), servers(), nodeAddress),
      ask: (endpoint) => servedCertificate(endpoint),
      onLook: () => this.#tell(),
      clock: systemClock,
      timers: systemTimers,
    });
  }

  /** What is known; null where there are no addresses of the control plane. */
  get view(): CertificatesView | null {
    if (this.#dependencies.settings() === null) return null;
    const certificates = this.#verdicts;
    const { lacks, message } = conditionOf(certificates);
    const status = lacks === undefined ? 'Unknown' : lacks ? 'True' : 'False';
    return { certificates, condition: { type: 'CertificateLacksAddress', status, message } };
  }

  /** What is wrong with certificates, in sentences. */
  get problems(): readonly string[] {
    const verdicts = this.#verdicts;
    return [...lackSentences(verdicts), ...validitySentences(verdicts, systemClock.wallMs())];
  }

  start(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  get #verdicts(): readonly CertificateVerdict[] {
    return verdictsOf(this.#watch.seen, this.#dependencies.settings()?.addresses ?? []);
  }

  /** Once for each sentence: it is so for as long as nobody gives the server another certificate. */
  #tell(): void {
    const { log } = this.#dependencies;
    const problems = lackSentences(this.#verdicts);
    for (const problem of problems)
      if (!this.#told.includes(problem)) log.warn({ problem }, 'clients will refuse a certificate');
    if (problems.length === 0 && this.#told.length > 0) log.info('every certificate has the virtual addresses');
    this.#told = problems;
  }
}
