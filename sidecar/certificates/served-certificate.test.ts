import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type SecureContextOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../test/support/certificates.ts';
import { addressesIn, servedCertificate } from './served-certificate.ts';

let directory: string;
let tls: SecureContextOptions;
let server: Server | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'served-certificate-'));
  const { certFile, keyFile } = await makeCertificate(directory, ['10.96.0.1', '2001:DB8:0:0::100']);
  tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
});

afterEach(() => {
  server?.close();
  server = undefined;
});

afterAll(() => rmSync(directory, { recursive: true }));

async function listen(made: Server): Promise<{ address: string; port: number }> {
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return { address: '127.0.0.1', port: (made.address() as AddressInfo).port };
}

describe('the certificate that a server shows', () => {
  it('is what clients get that send no name, whoever signed it, with its addresses in canonical form', async () => {
    const names: (string | false | null)[] = [];
    const endpoint = await listen(createServer(tls, (socket) => void names.push(socket.servername)));
    const certificate = await servedCertificate(endpoint);
    expect(certificate.addresses).toEqual(['10.96.0.1', '2001:db8::100']);
    expect(certificate.validFromMs).toBeLessThanOrEqual(Date.now());
    expect(certificate.validToMs).toBeGreaterThan(Date.now());
    await expect.poll(() => names).toEqual([false]);
  });

  it('is not waited for for ever', async () => {
    const endpoint = await listen(createTcpServer(() => undefined));
    await expect(servedCertificate(endpoint, 50)).rejects.toThrow('no TLS handshake within 50 ms');
  });

  it.each([
    ['closes', (socket: { end: () => void }) => socket.end(), /closed|ECONNRESET/],
    ['speaks something else', (socket: { end: (text: string) => void }) => socket.end('SSH-2.0\r\n'), /SSL|EPROTO/],
  ])('is none of one that %s', async (_what, answer, why) => {
    const endpoint = await listen(createTcpServer((socket) => void answer(socket)));
    await expect(servedCertificate(endpoint)).rejects.toThrow(why);
  });

  it('is none where nobody listens', async () => {
    const endpoint = await listen(createTcpServer());
    await new Promise((resolve) => server?.close(resolve));
    await expect(servedCertificate(endpoint)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('the text of alternative names', () => {
  it('has addresses among names, and no name is taken for one', () => {
    expect(addressesIn('DNS:kubernetes, IP Address:10.96.0.1, DNS:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:1')).toEqual([
      '10.96.0.1',
      'fd00::1',
    ]);
    expect(addressesIn('DNS:"a, IP Address:10.0.0.9"')).toEqual([]);
    expect(addressesIn('')).toEqual([]);
  });
});
