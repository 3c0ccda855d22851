import { parse } from 'yaml';

const TEXT = `
release: {namespace: kube-vip, name: vip}
agentSelector: app.kubernetes.io/name=keepalived-ingress-vip,app.kubernetes.io/instance=vip,app.kubernetes.io/component=node
virtualRouterIds: {first: 1, last: 255}
reserved: {addresses: ["192.0.2.2"], virtualRouterIds: [10]}
maxGroupsPerPool: 60
lease: {name: vip-controller, durationSeconds: 15, renewSeconds: 10, retrySeconds: 2}
server: {address: 127.0.0.1, port: 10280}
log: {level: info}
`;

/** A settings document as the chart renders it, not yet checked. */
export function settingsDocument(): Record<string, unknown> {
  return parse(TEXT) as Record<string, unknown>;
}
