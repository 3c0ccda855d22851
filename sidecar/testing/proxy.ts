import type { ProxySettings } from '../config/control-plane.ts';

/** What the settings ask of a proxy when nothing is said, for tests to change one thing of. */
export function defaultProxySettings(given: Partial<ProxySettings> = {}): ProxySettings {
  return {
    bindPort: 6444,
    healthPort: 10_272,
    ports: [{ port: 6443, targetPort: 6443, check: 'kubernetes', bindPort: 6444 }],
    addresses: ['192.0.2.100'],
    backends: { source: 'EndpointSlices', addresses: [], port: 6443 },
    health: {
      intervalSeconds: 0.25,
      fastIntervalSeconds: 0.05,
      timeoutSeconds: 0.2,
      failureThreshold: 2,
      successThreshold: 3,
      slowStartSeconds: 30,
      notReadyShutdownAfterSeconds: 10,
    },
    rebalance: { enabled: true, maxPerSecond: 100, tolerance: 0.1 },
    ...given,
  };
}
