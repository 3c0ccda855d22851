import { describe, expect, it } from 'vitest';
import { conditionOf, lackSentences, validitySentences, verdictsOf } from './certificate-verdict.ts';
import type { SeenCertificate } from './certificate-watch.ts';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
const VALID = { validFromMs: Date.parse('2026-01-01T00:00:00Z'), validToMs: Date.parse('2027-01-01T00:00:00Z') };

function seen(number: number, addresses: readonly string[], valid = VALID): SeenCertificate {
  const address = `10.0.0.${number}`;
  return { endpoint: `${address}:6443`, address, certificate: { addresses, ...valid } };
}

describe('certificates of API servers', () => {
  it('are right when each has every virtual address', () => {
    const verdicts = verdictsOf([seen(1, ['10.0.0.100', 'fd00::100', '10.96.0.1'])], ['10.0.0.100', 'fd00::100']);
    expect(conditionOf(verdicts)).toEqual({ lacks: false, message: expect.stringContaining('every certificate') });
    expect(lackSentences(verdicts)).toEqual([]);
  });

  it('that lack an address are told in one sentence for all that lack the same, with where to add it', () => {
    const all = [seen(1, []), seen(2, ['10.0.0.100', 'fd00::100']), seen(3, ['10.96.0.1']), seen(4, ['10.0.0.100'])];
    const verdicts = verdictsOf(all, ['10.0.0.100', 'fd00::100']);
    const remedy =
      'so clients that connect to the address refuse it (x509); add it there: kubeadm has apiServer.certSANs, k3s and RKE2 have tls-san, k0s has spec.api.sans';
    expect(lackSentences(verdicts)).toEqual([
      `the certificate of 10.0.0.1:6443, 10.0.0.3:6443 is not for 10.0.0.100, fd00::100, ${remedy}`,
      `the certificate of 10.0.0.4:6443 is not for fd00::100, ${remedy}`,
    ]);
    expect(conditionOf(verdicts)).toEqual({ lacks: true, message: lackSentences(verdicts).join('; ') });
  });

  it('are not known before one was seen', () => {
    const unseen = { ...seen(1, []), certificate: undefined };
    expect(conditionOf(verdictsOf([unseen], ['10.0.0.100']))).toEqual({
      lacks: undefined,
      message: 'no certificate was seen yet',
    });
  });

  it('that ended, or that begin later by this node’s clock, are told with what the clock says', () => {
    const ended = { ...VALID, validToMs: Date.parse('2026-05-01T00:00:00Z') };
    const later = { ...VALID, validFromMs: Date.parse('2026-07-01T00:00:00Z') };
    const verdicts = verdictsOf([seen(1, [], ended), seen(2, [], later), seen(3, [])], []);
    expect(validitySentences(verdicts, NOW_MS)).toEqual([
      "the certificate of 10.0.0.1:6443 ended at 2026-05-01T00:00:00.000Z, and this node's clock says 2026-06-01T00:00:00.000Z; renew it, or set the clock",
      "the certificate of 10.0.0.2:6443 begins at 2026-07-01T00:00:00.000Z, and this node's clock says 2026-06-01T00:00:00.000Z; set the clock that is wrong",
    ]);
  });
});
