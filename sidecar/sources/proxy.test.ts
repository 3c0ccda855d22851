import { describe, expect, it } from 'vitest';
import { controlPlaneSchema } from '../config/control-plane.ts';
import { defaultSettings } from '../testing/settings.ts';
import { certifiedAddressesOf } from './proxy.ts';

const VIRTUAL = {
  vrrpInstances: [{ virtualIPs: ['192.0.2.100/24', 'FD00::100/64'] }, { virtualIPs: ['192.0.2.101/24'] }],
};

function settingsWith(keepalived: object, more: object = {}) {
  const controlPlaneLoadBalancing = controlPlaneSchema.parse({ enabled: true, keepalived, ...more });
  return { ...defaultSettings(), controlPlaneLoadBalancing };
}

describe('the addresses that certificates are to have', () => {
  it('are those of every instance in canonical form, at each port that speaks TLS as an API server does', () => {
    const extraPorts = [{ port: 9345 }, { port: 8443, targetPort: 7443, check: 'kubernetes' }];
    expect(certifiedAddressesOf(settingsWith(VIRTUAL, { extraPorts, backends: { port: 6500 } }))).toEqual({
      addresses: ['192.0.2.100', 'fd00::100', '192.0.2.101'],
      port: 6500,
      extraPorts: [7443],
      everyServer: true,
    });
  });

  it('are met at the holder’s own server alone without a load balancer', () => {
    const asked = certifiedAddressesOf(settingsWith({ ...VIRTUAL, disableLoadBalancer: true }));
    expect(asked).toMatchObject({ everyServer: false, port: 6443, extraPorts: [] });
  });

  it('are none where there is no control plane', () => {
    expect(certifiedAddressesOf(defaultSettings())).toBeNull();
  });
});
