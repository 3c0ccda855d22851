import type { Settings } from '../config/settings.ts';

/** Settings as the chart renders them at its defaults, for tests to change one thing of. */
export function defaultSettings(): Settings {
  const timing = { intervalSeconds: 5, timeoutSeconds: 1, failureThreshold: 5, successThreshold: 1 };
  return {
    vrrp: {
      version: 3,
      virtualRouterId: 10,
      advertIntervalSeconds: 0.1,
      interface: '',
      addressInterface: '',
      addresses: ['192.0.2.100/24'],
      unicastPeers: [],
      noPreempt: false,
      failbackDelaySeconds: null,
      authPasswordFile: '',
      debug: false,
    },
    checks: {
      service: {
        url: 'http://127.0.0.1:10254/healthz',
        ...timing,
        intervalSeconds: 2,
        failureThreshold: 2,
        expectedStatuses: [200],
        host: '',
        caFile: '',
        tripwire: { enabled: true, ports: [] },
      },
      kubelet: { enabled: true, url: 'http://127.0.0.1:10248/healthz', ...timing },
      kubeApi: { enabled: true, url: '', ...timing, timeoutSeconds: 2 },
    },
    lastResort: { enabled: true, afterSeconds: 1 },
    drain: { timeoutSeconds: 5, onCordon: true },
    rank: { podSelector: 'app.kubernetes.io/name=keepalived-ingress-vip' },
    pools: { enabled: false },
    server: { address: '127.0.0.1', port: 10270 },
    metrics: { address: '127.0.0.1', port: 10271 },
    log: { level: 'info' },
  };
}
