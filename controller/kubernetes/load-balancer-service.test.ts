import { describe, expect, it } from 'vitest';
import { FIELD_MANAGER } from './field-manager.ts';
import { followedService, type RawService, sameFollowedService } from './load-balancer-service.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

function raw(changes: Partial<RawService> = {}): RawService {
  return {
    metadata: {
      name: 'ui',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { tier: 'front' },
      annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.7', 'example.com/owner': 'me' },
    },
    spec: {
      type: 'LoadBalancer',
      loadBalancerIP: '',
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'PreferDualStack',
      ports: [{ port: 53, protocol: 'UDP' }, { port: 80 }],
      selector: { app: 'ui' },
    },
    status: {
      loadBalancer: { ingress: [{ ip: '192.0.2.7' }] },
      conditions: [
        {
          type: 'example.com/x',
          status: 'True',
          reason: 'X',
          message: 'x',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
    ...changes,
  };
}

/** The API server's notes of who put the finalizer there. */
function finalizedBy(manager: string): RawService {
  const managedFields = [
    { manager: 'kubectl', fieldsV1: { 'f:spec': {} } },
    { manager, fieldsV1: { 'f:metadata': { 'f:finalizers': { '.': {}, [`v:"${FINALIZER}"`]: {} } } } },
  ];
  return raw({ metadata: { ...raw().metadata, finalizers: [FINALIZER], managedFields } });
}

describe('what is kept of a Service', () => {
  it('is what it asks for, what it publishes and what is said of it by us', () => {
    expect(followedService(raw())).toEqual({
      metadata: {
        name: 'ui',
        namespace: 'shop',
        uid: 'u',
        resourceVersion: '7',
        createdMs: Date.parse('2026-01-01T00:00:00Z'),
        deleting: false,
        finalizers: [],
        labels: { tier: 'front' },
      },
      type: 'LoadBalancer',
      annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.7' },
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'PreferDualStack',
      externalTrafficPolicy: 'Cluster',
      ports: [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 80 },
      ],
      selector: { app: 'ui' },
      ingress: [{ ip: '192.0.2.7' }],
      conditions: [],
      ownFinalizer: false,
    });
  });

  it('is little of one that is no load balancer: a cluster has many', () => {
    const kept = followedService(raw({ spec: { ...raw().spec, type: 'ClusterIP' } }));
    expect(kept).toMatchObject({
      type: 'ClusterIP',
      annotations: {},
      ports: [],
      selector: {},
      metadata: { labels: {} },
    });
    expect(kept.ingress).toEqual([{ ip: '192.0.2.7' }]);
  });

  it('is what one asks for that has external IPs, whatever its type', () => {
    const spec = { ...raw().spec, type: 'ClusterIP', externalIPs: ['192.0.2.7'], externalTrafficPolicy: 'Local' };
    expect(followedService(raw({ spec }))).toMatchObject({
      externalIPs: ['192.0.2.7'],
      externalTrafficPolicy: 'Local',
      ports: [{ port: 53 }, { port: 80 }],
      selector: { app: 'ui' },
      annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.7' },
      metadata: { labels: { tier: 'front' } },
    });
  });

  it('says whose the finalizer is, of which others have one of the same name', () => {
    expect(followedService(finalizedBy(FIELD_MANAGER)).ownFinalizer).toBe(true);
    expect(followedService(finalizedBy('cloud-controller-manager')).ownFinalizer).toBe(false);
  });

  it('does not differ by what nobody asks for', () => {
    const before = followedService(raw());
    const annotated = raw({
      metadata: { ...raw().metadata, resourceVersion: '8', annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.7' } },
    });
    expect(sameFollowedService(before, followedService(annotated))).toBe(true);
    expect(sameFollowedService(before, followedService(raw({ status: {} })))).toBe(false);
  });
});

const STORED = { name: 'web', namespace: 'shop', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };

describe('a Service with externalTrafficPolicy Local', () => {
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { app: 'web' } };

  it('is followed with the port at which kube-proxy tells of endpoints, and which endpoints count', () => {
    const service = followedService({
      metadata: STORED,
      spec: { ...spec, healthCheckNodePort: 31_234, publishNotReadyAddresses: true },
    });
    expect(service).toMatchObject({
      ...{ externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234, publishNotReadyAddresses: true },
      selector: { app: 'web' },
    });
  });

  it('has neither where the API server says neither', () => {
    const service = followedService({ metadata: STORED, spec: { ...spec, healthCheckNodePort: 0 } });
    expect(service).not.toHaveProperty('healthCheckNodePort');
    expect(service).not.toHaveProperty('publishNotReadyAddresses');
  });
});
