import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { CertificateWatch, endpointKey } from './certificate-watch.ts';
import type { ServedCertificate, TlsEndpoint } from './served-certificate.ts';

let time: ManualTime;
let endpoints: TlsEndpoint[];
let shown: Map<string, ServedCertificate>;
let asked: string[];
let looks: number;
let watch: CertificateWatch;

const ONE = { address: '10.0.0.1', port: 6443 };
const TWO = { address: 'fd00::2', port: 6443 };
const certificate = (...addresses: string[]): ServedCertificate => ({ addresses, validFromMs: 0, validToMs: 1 });

beforeEach(() => {
  time = new ManualTime();
  endpoints = [ONE];
  shown = new Map([
    [endpointKey(ONE), certificate('10.0.0.100')],
    [endpointKey(TWO), certificate()],
  ]);
  asked = [];
  looks = 0;
  watch = new CertificateWatch({
    endpoints: () => endpoints,
    ask: (endpoint) => {
      const key = endpointKey(endpoint);
      asked.push(key);
      const found = shown.get(key);
      return found === undefined ? Promise.reject(new Error('nobody answers')) : Promise.resolve(found);
    },
    onLook: () => {
      looks += 1;
    },
    ...{ clock: time, timers: time },
  });
});

const seen = () => watch.seen.map(({ endpoint, certificate: found }) => [endpoint, found?.addresses]);

describe('the watch of certificates', () => {
  it('knows nothing before it looked, and asks each server once a minute', async () => {
    expect(seen()).toEqual([['10.0.0.1:6443', undefined]]);
    watch.start();
    watch.start();
    await time.advance(59_000);
    expect(asked).toEqual(['10.0.0.1:6443']);
    expect(seen()).toEqual([['10.0.0.1:6443', ['10.0.0.100']]]);
    await time.advance(3000);
    expect(asked).toHaveLength(2);
  });

  it('looks at a server that comes within seconds, and forgets one that goes', async () => {
    watch.start();
    await time.advance(10);
    endpoints = [TWO];
    await time.advance(2000);
    expect(seen()).toEqual([['[fd00::2]:6443', []]]);
    endpoints = [ONE];
    expect(seen()).toEqual([['10.0.0.1:6443', undefined]]);
  });

  it('keeps what a server showed last while it is away, and asks it sooner again', async () => {
    watch.start();
    await time.advance(10);
    shown.clear();
    await time.advance(62_000);
    expect(asked).toHaveLength(2);
    shown.set(endpointKey(ONE), certificate('10.0.0.7'));
    expect(seen()).toEqual([['10.0.0.1:6443', ['10.0.0.100']]]);
    await time.advance(12_000);
    expect(seen()).toEqual([['10.0.0.1:6443', ['10.0.0.7']]]);
  });

  it('ends, also in the middle of a look', async () => {
    watch.start();
    watch.stop();
    watch.stop();
    await time.advance(120_000);
    expect([looks, time.pending]).toEqual([0, 0]);
  });
});
