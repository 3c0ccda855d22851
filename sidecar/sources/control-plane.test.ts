import { describe, expect, it } from 'vitest';
import { readNodeChecks } from '../checks/node-checks.ts';
import { controlPlaneSchema } from '../config/control-plane.ts';
import type { Settings } from '../config/settings.ts';
import { mergeDesired } from '../desired/merge.ts';
import { defaultSettings } from '../testing/settings.ts';
import { desiredByControlPlane } from './control-plane.ts';
import { desiredBySettings } from './settings.ts';

const INSTANCE = { virtualIPs: ['192.168.11.3/24'] };

/** Settings of a node of the control plane, which has no other addresses. */
function accepted(keepalived: object, change: (settings: Settings) => void = () => undefined) {
  const settings = defaultSettings();
  settings.vrrp.addresses = [];
  settings.controlPlaneLoadBalancing = controlPlaneSchema.parse({ enabled: true, keepalived });
  change(settings);
  return { settings, checks: readNodeChecks(settings.checks) };
}

function desired(...args: Parameters<typeof accepted>) {
  return desiredByControlPlane(accepted(...args), 1);
}

const proxy = { key: 'proxy', effect: 'serviceFailed' };
const kubelet = { key: 'kubelet', effect: 'kubeletFailed' };

describe('the control plane', () => {
  it('asks for nothing while it is off', () => {
    const settings = defaultSettings();
    expect(desiredByControlPlane({ settings, checks: new Map() }, 0).instances).toEqual([]);
  });

  it('asks for instances that are the node’s own, keep their last good form, and rest on proxy and kubelet alone', () => {
    const { instances } = desired({ vrrpInstances: [INSTANCE, { virtualIPs: ['10.0.0.3/8'], interface: 'eth1' }] });
    expect(instances).toMatchObject([
      {
        name: 'api_1',
        vrrp: { virtualRouterId: 51, addresses: ['192.168.11.3/24'], interface: '', addressInterface: '' },
        rank: 1,
        leaving: false,
        checks: [proxy, kubelet],
        keepsLastGood: true,
        shown: { as: 'node' },
      },
      { name: 'api_2', vrrp: { virtualRouterId: 52, interface: 'eth1', addressInterface: 'eth1' } },
    ]);
  });

  it('does not rest on a kubelet that is not checked', () => {
    const { instances } = desired({ vrrpInstances: [INSTANCE] }, ({ checks }) => {
      checks.kubelet.enabled = false;
    });
    expect(instances[0]?.checks).toEqual([proxy]);
  });

  it('rests on the kubelet alone where there is no proxy', () => {
    const { instances, checks } = desired({ vrrpInstances: [INSTANCE], disableLoadBalancer: true });
    expect(instances[0]?.checks).toEqual([kubelet]);
    expect([...checks.keys()]).toEqual([]);
  });

  it('has the proxy asked on its own loopback port, and a connection held to that alone', () => {
    const { checks } = desired({ vrrpInstances: [INSTANCE] });
    expect(checks.get('proxy')).toMatchObject({
      kind: 'service',
      settings: { url: 'http://127.0.0.1:10272/ready', tripwire: { enabled: true, ports: [] } },
    });
  });

  it('has every node find itself among source and peers, whichever node the settings were written for', () => {
    const instance = {
      ...INSTANCE,
      unicastPeers: ['192.168.11.12', '192.168.11.13'],
      unicastSourceIP: '192.168.11.11',
    };
    const { instances } = desired({ vrrpInstances: [instance, INSTANCE] });
    expect(instances[0]?.vrrp).toMatchObject({
      unicastPeers: ['192.168.11.11', '192.168.11.12', '192.168.11.13'],
      peersAreOthers: false,
    });
    expect(instances[1]?.vrrp.unicastPeers).toEqual([]);
  });

  it('names the fields as they stand in the settings', () => {
    const { instances } = desired({ vrrpInstances: [INSTANCE, INSTANCE] });
    const at = 'controlPlaneLoadBalancing.keepalived.vrrpInstances[1]';
    expect(instances[1]?.vrrp.fields).toEqual({
      addresses: `${at}.virtualIPs`,
      addressInterface: `${at}.interface`,
      interface: `${at}.interface`,
      unicastPeers: `${at}.unicastPeers`,
      authPassword: `${at}.authPass`,
      choice: `${at}.interface`,
    });
  });

  it('leaves out the service check of the settings, on which nothing rests then, but not that of addresses or pools', () => {
    const checksOf = (change?: (settings: Settings) => void) => {
      const all = accepted({ vrrpInstances: [INSTANCE] }, change);
      return [...mergeDesired(desiredBySettings(all, 0), desiredByControlPlane(all, 0)).checks.keys()];
    };
    expect(checksOf()).toEqual(['kubelet', 'kubeApi', 'proxy']);
    const withAddress = checksOf(({ vrrp }) => {
      vrrp.addresses = ['192.168.11.4'];
    });
    const withPools = checksOf(({ pools }) => {
      pools.enabled = true;
    });
    expect([withAddress, withPools]).toEqual([
      expect.arrayContaining(['service']),
      expect.arrayContaining(['service']),
    ]);
  });
});
