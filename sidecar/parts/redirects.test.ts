import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import { controlPlaneOf, controlPlaneSchema } from '../config/control-plane.ts';
import { type Redirects, renderRedirects } from '../runtime/redirects.ts';
import { Redirection, redirectProblem, redirectsOf } from './redirects.ts';

function proxyOf(section: object): ProxySettings {
  const parsed = controlPlaneSchema.parse({
    enabled: true,
    keepalived: { vrrpInstances: [{ virtualIPs: ['192.0.2.1/24', '2001:DB8::1/64'] }] },
    ...section,
  });
  const proxy = controlPlaneOf(parsed, { version: 3, advertIntervalSeconds: 0.1 })?.proxy;
  if (!proxy) throw new Error('no proxy');
  return proxy;
}

const PROXY = proxyOf({});
const ON = 'redirect 192.0.2.1 6443 6444\nredirect 2001:db8::1 6443 6444\nguard 6444\n';
const OFF = 'guard 6444\n';

describe('what is to be redirected', () => {
  it('is every port of every address, each to the proxy’s own port for it', () => {
    const { redirects, guards } = redirectsOf(proxyOf({ extraPorts: [{ port: 9345 }] }), true);
    expect(redirects).toEqual([
      { address: '192.0.2.1', port: 6443, toPort: 6444 },
      { address: '192.0.2.1', port: 9345, toPort: 6445 },
      { address: '2001:db8::1', port: 6443, toPort: 6444 },
      { address: '2001:db8::1', port: 9345, toPort: 6445 },
    ]);
    expect(guards).toEqual([6444, 6445]);
  });

  it('is nothing while the proxy does not accept, and its ports stay closed to others', () => {
    expect(redirectsOf(PROXY, false)).toEqual({ redirects: [], guards: [6444] });
  });
});

describe('what is to be redirected of an address that IPVS balances', () => {
  const byIpvs = (server: object, ipvs: object = {}) =>
    proxyOf({
      keepalived: {
        vrrpInstances: [{ virtualIPs: ['192.0.2.1/24', '192.0.2.2/24'] }],
        virtualServers: [{ ipAddress: '192.0.2.1', ...server }],
      },
      ipvs,
    });
  const OWN = { address: '192.0.2.1', port: 6443, toPort: 6444, own: true };
  const ALL = { address: '192.0.2.1', port: 6443, toPort: 6444 };
  const OTHER = { address: '192.0.2.2', port: 6443, toPort: 6444 };

  it('is what the node and its pods ask; another address is redirected for all', () => {
    expect(redirectsOf(byIpvs({}), true)).toEqual({ redirects: [OWN, OTHER], guards: [6444] });
  });

  it('is that, and what it rewrites comes from this node, by NAT, whether the proxy accepts or not', () => {
    const masquerades = [{ address: '192.0.2.1', port: 6443 }];
    expect(redirectsOf(byIpvs({ lbKind: 'NAT' }), true)).toEqual({
      redirects: [OWN, OTHER],
      guards: [6444],
      masquerades,
    });
    expect(redirectsOf(byIpvs({ lbKind: 'NAT' }), false)).toEqual({ redirects: [], guards: [6444], masquerades });
  });

  it('is all of it where the kernel has no IPVS, if the settings let the proxy balance instead', () => {
    const given = { lbKind: 'NAT' };
    expect(redirectsOf(byIpvs(given, { fallback: true }), true, false)).toEqual({
      redirects: [ALL, OTHER],
      guards: [6444],
    });
    expect(redirectsOf(byIpvs(given), true, false)).toEqual({ redirects: [OWN, OTHER], guards: [6444] });
  });
});

describe('the redirection', () => {
  let written: string[];
  let woken: number;
  let accepts: boolean | undefined;
  let proxy: ProxySettings | null;
  let fails: boolean;
  let time: ManualTime;
  let lines: string[];

  function redirection(): Redirection {
    return new Redirection({
      file: {
        write: async (redirects: Redirects) => {
          if (fails) throw new Error('ENOSPC: no space left on device');
          const text = renderRedirects(redirects);
          if (text === written.at(-1)) return false;
          written.push(text);
          return true;
        },
      },
      settings: () => proxy,
      accepts: () => accepts,
      wake: async () => {
        woken += 1;
      },
      log: pino({}, { write: (line) => lines.push(line) }),
      timers: time,
    });
  }

  beforeEach(() => {
    [written, woken, accepts, proxy, fails, time, lines] = [[], 0, true, PROXY, false, new ManualTime(), []];
  });

  it('is on while the proxy accepts, off while it does not, and the supervisor is woken for each', async () => {
    const part = redirection();
    await part.start();
    accepts = false;
    await part.review();
    accepts = true;
    await part.review();
    expect([written, woken]).toEqual([[ON, OFF, ON], 3]);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      'the proxy accepts: its addresses are redirected to it',
      'nothing is redirected to the proxy',
      'the proxy accepts: its addresses are redirected to it',
    ]);
  });

  it('stays as a process before this one left it until the proxy’s check has said something', async () => {
    written = [ON];
    accepts = undefined;
    const part = redirection();
    await part.start();
    expect(written).toEqual([ON]);
    accepts = false;
    await part.review();
    expect(written).toEqual([ON, OFF]);
  });

  it('ends when the settings ask for no proxy any more, and keeps what is in force when the process ends', async () => {
    const part = redirection();
    await part.start();
    part.stop();
    proxy = null;
    await part.review();
    expect(written).toEqual([ON]);
    await part.start();
    expect(written).toEqual([ON, '']);
  });

  it('wakes nobody where there never was a proxy', async () => {
    proxy = null;
    written = [''];
    await redirection().start();
    expect(woken).toBe(0);
  });

  it('has the supervisor look when an address came or left, where there is a proxy', async () => {
    const part = redirection();
    await part.start();
    await part.addressMoved();
    proxy = null;
    await part.addressMoved();
    expect(woken).toBe(2);
  });

  it('that cannot be written is told and tried again', async () => {
    fails = true;
    const part = redirection();
    await part.start();
    expect(lines).toEqual([expect.stringContaining('cannot tell the supervisor what to redirect')]);
    fails = false;
    await time.advance(1000);
    expect([written, time.pending]).toEqual([[ON], 0]);
  });

  it('writes last what is known last, however fast that changes', async () => {
    const part = redirection();
    await part.start();
    const reviews = [false, true, false].map((each) => {
      accepts = each;
      return part.review();
    });
    await Promise.all(reviews);
    expect(written.at(-1)).toBe(OFF);
  });
});

describe('a problem of redirects', () => {
  it('is what the supervisor says is not in force', () => {
    expect(redirectProblem(undefined)).toBeNull();
    expect(redirectProblem({ state: 'applied', messages: [] })).toBeNull();
    expect(redirectProblem({ state: 'partly', messages: ['a', 'b'] })).toBe('not all is redirected to the proxy: a; b');
  });
});
