import { describe, expect, it } from 'vitest';
import { defaultProxySettings } from '../testing/proxy.ts';
import { type ProxyPlace, renderProxy } from './render.ts';

const place: ProxyPlace = {
  adminSocket: '/run/proxy/admin.sock',
  ca: { file: '/run/proxy/ca.pem', sha256: 'aa' },
  ipv6: true,
};
const backends = [
  { address: '192.0.2.1', port: 6443 },
  { address: 'fd00::2', port: 6443 },
];

describe('HAProxy’s configuration', () => {
  it('has every backend in a checked section, and in one whose servers are not checked', () => {
    expect(renderProxy(defaultProxySettings(), backends, place).backends).toBe(`backend api
    balance random(2)
    option tcp-check
    tcp-check connect ssl sni kubernetes
    default-server weight 100 check check-ssl verify required ca-file /run/proxy/ca.pem inter 200ms fastinter 50ms downinter 200ms fall 2 rise 3 slowstart 30000ms observe layer4 error-limit 1 on-error mark-down
    server 192.0.2.1 192.0.2.1:6443
    server fd00::2 [fd00::2]:6443

backend api-unchecked
    balance random(2)
    server 192.0.2.1 192.0.2.1:6443
    server fd00::2 [fd00::2]:6443
`);
  });

  it('never has HAProxy close the sessions of a server that is marked down: it would forget those that connect', () => {
    const { main, backends: sections } = renderProxy(defaultProxySettings(), backends, place);
    expect(main + sections).not.toContain('shutdown-sessions');
  });

  it('takes a server for one of this cluster only by the CA, and any while that is not known', () => {
    const { backends: sections } = renderProxy(defaultProxySettings(), backends, { ...place, ca: null });
    expect(sections).toContain('check-ssl verify none');
  });

  it('checks a port besides by its taking connections', () => {
    const settings = defaultProxySettings({
      ports: [
        { port: 6443, targetPort: 6443, check: 'kubernetes', bindPort: 6444 },
        { port: 9345, targetPort: 9345, check: 'tcp', bindPort: 6445 },
      ],
    });
    const { main, backends: sections } = renderProxy(settings, backends, place);
    const section = sections.slice(sections.indexOf('backend port-9345\n'));
    expect(section).toContain('weight 100 check inter 200ms');
    expect(section).not.toContain('check-ssl');
    expect(main).toContain('frontend port-9345\n    bind :6445\n    bind :::6445 v6only\n');
  });

  it('binds no socket of IPv6 where the kernel has none', () => {
    expect(renderProxy(defaultProxySettings(), backends, { ...place, ipv6: false }).main).not.toContain(':::');
  });

  it('tries every server, checked or not, when none passes its check', () => {
    const { main } = renderProxy(defaultProxySettings(), backends, place);
    expect(main).toContain('use_backend api-unchecked if { nbsrv(api) lt 1 }\n    default_backend api\n');
  });

  it('tells of its health on loopback: 503 when no API server passes its check', () => {
    const { main } = renderProxy(defaultProxySettings(), backends, place);
    const health = main.slice(main.indexOf('frontend health'));
    expect(health).toContain('bind 127.0.0.1:10272');
    expect(health).toMatch(/status 200 .*if \{ path \/ready \} \{ nbsrv\(api\) ge 1 \}/);
    expect(health).toMatch(/status 503 .*if \{ path \/ready \}/);
  });

  it('logs for each connection the client’s address beside the one that an API server’s audit log has', () => {
    const { main } = renderProxy(defaultProxySettings(), backends, place);
    expect(main).toContain('"client":"%ci:%cp"');
    expect(main).toContain('"from":"%bi:%bp"');
    expect(main).toContain('option logasap');
  });

  it('stays the same text when only the servers are others, so that nothing is reloaded', () => {
    const one = renderProxy(defaultProxySettings(), backends, place);
    const other = renderProxy(defaultProxySettings(), backends.slice(0, 1), place);
    expect(other.main).toBe(one.main);
    expect(other.backends).not.toBe(one.backends);
  });

  it('is another text when the CA is another, which only a reload brings', () => {
    const other = { ...place, ca: { file: '/run/proxy/ca.pem', sha256: 'bb' } };
    expect(renderProxy(defaultProxySettings(), backends, other).main).not.toBe(
      renderProxy(defaultProxySettings(), backends, place).main,
    );
  });

  it('is another text when the backends’ settings are others, which only a reload brings', () => {
    const settings = defaultProxySettings();
    const slower = { ...settings, health: { ...settings.health, intervalSeconds: 1 } };
    expect(renderProxy(slower, backends, place).main).not.toBe(renderProxy(settings, backends, place).main);
  });

  it('starts no server slowly when that is switched off', () => {
    const settings = defaultProxySettings();
    const at = { ...settings, health: { ...settings.health, slowStartSeconds: 0 } };
    expect(renderProxy(at, backends, place).backends).not.toContain('slowstart');
  });
});
