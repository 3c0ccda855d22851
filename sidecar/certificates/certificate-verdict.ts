import type { SeenCertificate } from './certificate-watch.ts';

/** What clients of the virtual addresses will find of one server's certificate. */
export interface CertificateVerdict {
  /** `address:port` of the server. */
  readonly endpoint: string;
  /** Of the server, without the port. */
  readonly address: string;
  /** The virtual addresses that it has, and those that it does not. */
  readonly has: readonly string[];
  readonly lacks: readonly string[];
  /** Wall clock in milliseconds. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** Whether the certificates have the virtual addresses: one server without them is met by a part of the clients. */
export interface CertificateCondition {
  /** Undefined while none was seen. */
  readonly lacks: boolean | undefined;
  readonly message: string;
}

/** What is to be said of each certificate that was seen. Pure. */
export function verdictsOf(
  seen: readonly SeenCertificate[],
  virtual: readonly string[],
): readonly CertificateVerdict[] {
  return seen.flatMap(({ endpoint, address, certificate }): CertificateVerdict[] => {
    if (certificate === undefined) return [];
    const { addresses, validFromMs, validToMs } = certificate;
    const has = virtual.filter((each) => addresses.includes(each));
    const lacks = virtual.filter((each) => !has.includes(each));
    return [{ endpoint, address, has, lacks, validFromMs, validToMs }];
  });
}

/** Where each distribution has the names of its API servers' certificate. */
const REMEDY = 'add it there: kubeadm has apiServer.certSANs, k3s and RKE2 have tls-san, k0s has spec.api.sans';

/** The sentences for certificates that lack an address: one for all servers that lack the same. Pure. */
export function lackSentences(verdicts: readonly CertificateVerdict[]): string[] {
  const byLack = Map.groupBy(
    verdicts.filter(({ lacks }) => lacks.length > 0),
    ({ lacks }) => lacks.join(', '),
  );
  return [...byLack].map(
    ([lack, lacking]) =>
      `the certificate of ${lacking.map(({ endpoint }) => endpoint).join(', ')} is not for ${lack}, so clients that connect to the address refuse it (x509); ${REMEDY}`,
  );
}

/** The sentences for certificates that are not valid by this node's clock. Pure. */
export function validitySentences(verdicts: readonly CertificateVerdict[], nowMs: number): string[] {
  const now = new Date(nowMs).toISOString();
  return verdicts.flatMap(({ endpoint, validFromMs, validToMs }) => {
    if (nowMs > validToMs) {
      return [
        `the certificate of ${endpoint} ended at ${new Date(validToMs).toISOString()}, and this node's clock says ${now}; renew it, or set the clock`,
      ];
    }
    if (nowMs >= validFromMs) return [];
    return [
      `the certificate of ${endpoint} begins at ${new Date(validFromMs).toISOString()}, and this node's clock says ${now}; set the clock that is wrong`,
    ];
  });
}

/** Whether any certificate lacks an address, for the status. Pure. */
export function conditionOf(verdicts: readonly CertificateVerdict[]): CertificateCondition {
  if (verdicts.length === 0) return { lacks: undefined, message: 'no certificate was seen yet' };
  const sentences = lackSentences(verdicts);
  if (sentences.length > 0) return { lacks: true, message: sentences.join('; ') };
  return { lacks: false, message: 'every certificate that was seen has the virtual addresses' };
}
