import { connect } from 'node:tls';
import { canonicalAddress } from '../../common/addresses.ts';

/** A port that speaks TLS. */
export interface TlsEndpoint {
  /** Without a prefix. */
  readonly address: string;
  readonly port: number;
}

/** Of a certificate that a server shows, what clients of an address look at. */
export interface ServedCertificate {
  /** The addresses among its alternative names (RFC 5280 section 4.2.1.6), in canonical form. */
  readonly addresses: readonly string[];
  /** Wall clock in milliseconds. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** A handshake takes some milliseconds; a server that hangs is seen by others. */
const LIMIT_MS = 3000;

/**
 * The addresses in the text that OpenSSL makes of alternative names: `DNS:kubernetes, IP Address:10.96.0.1`. In a name that could be taken
 * for more than one Node puts quotes, which no address has. Pure.
 */
export function addressesIn(alternativeNames: string): readonly string[] {
  const found = [...alternativeNames.matchAll(/(?:^|, )IP Address:([0-9A-Fa-f.:]+)(?=,|$)/g)];
  return found.flatMap(([, text = '']) => canonicalAddress(text) ?? []);
}

/**
 * Asks a server for the certificate that it shows to clients that connect to an address: they send no name (RFC 6066 section 3 has none for
 * addresses). Whom it is signed by does not matter here. Ends within some seconds.
 * @throws Error that says why there is none
 */
export function servedCertificate({ address, port }: TlsEndpoint, limitMs = LIMIT_MS): Promise<ServedCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, rejectUnauthorized: false, servername: '' });
    const fail = (why: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(why));
    };
    const timer = setTimeout(() => fail(`no TLS handshake within ${limitMs} ms`), limitMs);
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('close', () => fail('it closed the connection'));
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) {
        fail('it shows no certificate');
        return;
      }
      clearTimeout(timer);
      resolve({
        addresses: addressesIn(certificate.subjectAltName ?? ''),
        validFromMs: Date.parse(certificate.validFrom),
        validToMs: Date.parse(certificate.validTo),
      });
      // In order: a server logs connections that are reset.
      socket.end();
      socket.setTimeout(limitMs, () => socket.destroy());
    });
  });
}
