import { describe, expect, it } from 'vitest';
import { type ControlPlane, controlPlaneOf, controlPlaneSchema, listedNodes } from './control-plane.ts';

const VRRP = { version: 3, advertIntervalSeconds: 0.1 } as const;
const INSTANCE = { virtualIPs: ['192.168.11.3/24'] };

/** What a section asks for that turns k0s's balancer on with these keys. */
function controlPlane(keepalived: object, beside: object = {}, vrrp: Parameters<typeof controlPlaneOf>[1] = VRRP) {
  return controlPlaneOf(controlPlaneSchema.parse({ enabled: true, type: 'Keepalived', keepalived, ...beside }), vrrp);
}

function instancesOf(asked: ControlPlane | null) {
  return asked?.instances ?? [];
}

describe('the control plane of settings', () => {
  it('is none where the section is absent or switched off', () => {
    expect(controlPlaneOf(undefined, VRRP)).toBeNull();
    expect(controlPlaneOf(controlPlaneSchema.parse({}), VRRP)).toBeNull();
  });

  it('has k0s’s defaults, and ours where k0s has none', () => {
    expect(controlPlane({ vrrpInstances: [INSTANCE] })).toEqual({
      instances: [
        {
          name: 'api_1',
          addresses: ['192.168.11.3/24'],
          interface: '',
          virtualRouterId: 51,
          advertIntervalSeconds: 0.1,
          version: 3,
          authPasswordFile: '',
          unicastPeers: [],
          unicastSource: null,
        },
      ],
      proxy: {
        bindPort: 6444,
        healthPort: 10272,
        ports: [{ port: 6443, targetPort: 6443, check: 'kubernetes', bindPort: 6444 }],
        addresses: ['192.168.11.3'],
        backends: { source: 'EndpointSlices', addresses: [], port: 6443 },
        health: {
          intervalSeconds: 0.2,
          fastIntervalSeconds: 0.05,
          timeoutSeconds: 0.2,
          failureThreshold: 2,
          successThreshold: 3,
          slowStartSeconds: 30,
          notReadyShutdownAfterSeconds: 10,
        },
        rebalance: { enabled: true, maxPerSecond: 100, tolerance: 0.1 },
        ipvs: null,
      },
    });
  });

  it('has k0s’s defaults of virtual servers, and no two balancers of one number', () => {
    const asked = controlPlane({
      vrrpInstances: [{ ...INSTANCE, virtualRouterID: 9 }],
      virtualServers: [{ ipAddress: '192.168.11.3' }],
    });
    expect(asked?.proxy?.ipvs).toEqual({
      servers: [{ address: '192.168.11.3', delaySeconds: 60, scheduler: 'rr', kind: 'DR', persistenceSeconds: 360 }],
      fallback: false,
      syncId: 9,
      serverPort: 10_273,
    });
  });

  it.each([
    ['1m30s', 90],
    ['1500000ns', 0.05],
    ['1234567us', 1.234567],
    ['1234567999ns', 1.234567],
    ['1us', 0.05],
    ['0.5h', 1800],
  ])(
    'reads the duration %s as Go does, cut off at microseconds, and looks no more often than is of use',
    (delayLoop, seconds) => {
      const virtualServers = [{ ipAddress: '192.168.11.3', delayLoop }];
      const asked = controlPlane({ vrrpInstances: [INSTANCE], virtualServers });
      expect(asked?.proxy?.ipvs?.servers.map(({ delaySeconds }) => delaySeconds)).toEqual([seconds]);
    },
  );

  it('numbers instances and their router ids by their places, from 51 on', () => {
    const asked = controlPlane({ vrrpInstances: [INSTANCE, { ...INSTANCE, virtualRouterID: 7 }, INSTANCE] });
    expect(instancesOf(asked).map(({ name, virtualRouterId }) => [name, virtualRouterId])).toEqual([
      ['api_1', 51],
      ['api_2', 7],
      ['api_3', 53],
    ]);
  });

  it('has an instance’s own interval, else that of the node’s VRRP', () => {
    const asked = controlPlane({ vrrpInstances: [INSTANCE, { ...INSTANCE, advertIntervalSeconds: 2 }] });
    expect(instancesOf(asked).map(({ advertIntervalSeconds }) => advertIntervalSeconds)).toEqual([0.1, 2]);
  });

  it('uses a password with version 2 alone', () => {
    const keepalived = { vrrpInstances: [{ ...INSTANCE, authPassFile: '/auth/0' }] };
    const [three] = instancesOf(controlPlane(keepalived));
    const [two] = instancesOf(controlPlane(keepalived, {}, { version: 2, advertIntervalSeconds: 1 }));
    expect([three?.authPasswordFile, two?.authPasswordFile]).toEqual(['', '/auth/0']);
  });

  it('has no proxy where the load balancer is disabled', () => {
    expect(controlPlane({ vrrpInstances: [INSTANCE], disableLoadBalancer: true })?.proxy).toBeNull();
  });

  it('serves further ports on those behind its first, unless they say where', () => {
    const extraPorts = [
      { port: 9345 },
      { port: 443, targetPort: 6443, check: 'kubernetes', bindPort: 7000 },
      { port: 8132 },
    ];
    const asked = controlPlane({ vrrpInstances: [INSTANCE], userSpaceProxyBindPort: 7443 }, { extraPorts });
    expect(asked?.proxy?.ports).toEqual([
      { port: 6443, targetPort: 6443, check: 'kubernetes', bindPort: 7443 },
      { port: 9345, targetPort: 9345, check: 'tcp', bindPort: 7444 },
      { port: 443, targetPort: 6443, check: 'kubernetes', bindPort: 7000 },
      { port: 8132, targetPort: 8132, check: 'tcp', bindPort: 7446 },
    ]);
  });
});

describe('the nodes that settings list', () => {
  const listed = (instance: object, backends: object = {}, enabled = true) =>
    listedNodes(
      controlPlaneSchema.parse({ enabled, keepalived: { vrrpInstances: [{ ...INSTANCE, ...instance }] }, backends }),
    );

  it('are the API servers, in the order in which they are listed', () => {
    const unicast = { unicastSourceIP: '192.0.2.9', unicastPeers: ['192.0.2.8'] };
    expect(listed(unicast, { addresses: ['192.0.2.13', 'FD00::0:1'] })).toEqual(['192.0.2.13', 'fd00::1']);
  });

  it('are else the peers, in an order that is the same in the section of every node', () => {
    const one = listed({ unicastSourceIP: '192.0.2.11', unicastPeers: ['192.0.2.13', '192.0.2.12'] });
    expect(one).toEqual(['192.0.2.11', '192.0.2.12', '192.0.2.13']);
    expect(listed({ unicastSourceIP: '192.0.2.13', unicastPeers: ['192.0.2.12', '192.0.2.11'] })).toEqual(one);
  });

  it('are none where nobody or one is listed: one place is no order', () => {
    expect(listed({})).toEqual([]);
    expect(listed({}, { addresses: ['192.0.2.11'] })).toEqual([]);
    expect(listed({}, { addresses: ['192.0.2.11', '192.0.2.12'] }, false)).toEqual([]);
    expect(listedNodes(undefined)).toEqual([]);
  });
});
