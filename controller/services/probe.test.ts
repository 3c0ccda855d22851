import { describe, expect, it } from 'vitest';
import { PROBE } from './annotations.ts';
import { canHold, endpointHealth, readProbe } from './probe.ts';
import { service } from './testing/scenes.ts';

const asking = (value: string) => service('web', { annotations: { [PROBE]: value } });

describe('the annotation that asks for held connections', () => {
  it.each([
    ['tcp', {}],
    [' tcp ', {}],
    ['tcp:8080', { port: 8080 }],
    ['tcp:65535', { port: 65_535 }],
    ['', undefined],
  ])('is read: "%s"', (value, probe) => {
    expect(readProbe(asking(value))).toEqual(probe);
  });

  it.each(['udp', 'tcp:', 'tcp:0', 'tcp:65536', 'tcp:http', 'http:/healthz', 'TCP'])('is refused: "%s"', (value) => {
    const problem = `annotation ${PROBE}: "${value}" is neither tcp nor tcp:<port of the pods>: connections are held, and what a pod answers is for its readinessProbe to judge`;
    expect(readProbe(asking(value))).toEqual({ problem });
    expect(endpointHealth(asking(value), { health: 'Always' })).toEqual({ kind: 'Always' });
  });

  it('goes before what the pool says, which goes before kube-proxy’s word alone', () => {
    expect(endpointHealth(service('web'), undefined)).toEqual({ kind: 'Endpoints' });
    expect(endpointHealth(service('web'), {})).toEqual({ kind: 'Endpoints' });
    expect(endpointHealth(service('web'), { health: 'Probe' })).toEqual({ kind: 'Probe' });
    expect(endpointHealth(asking('tcp:80'), { health: 'Always' })).toEqual({ kind: 'Probe', port: 80 });
  });

  it('needs a TCP port', () => {
    const udp = service('dns', { ports: [{ protocol: 'UDP', port: 53 }] });
    expect(canHold(udp, {})).toBe(false);
    expect(canHold(udp, { port: 8080 })).toBe(true);
    expect(canHold({ ...udp, ports: [...udp.ports, { protocol: 'TCP', port: 53 }] }, {})).toBe(true);
  });
});
