import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { HOST_SYSCTLS } from './netns.ts';

const VALUES = join(import.meta.dirname, '../../chart/values.yaml');
/** Of Kubernetes, as https://kubernetes.io/docs/reference/networking/ports-and-protocols/ has them, of etcd, and the ends of the node ports. */
const OF_KUBERNETES = [2379, 2380, 6443, 10_248, 10_249, 10_250, 10_256, 10_257, 10_259, 30_000, 32_767];

/** The ports that a chart's values have: every number of a field that is a port. */
function portsIn(values: unknown, name = ''): number[] {
  if (typeof values === 'number') return /port$/i.test(name) ? [values] : [];
  if (typeof values !== 'object' || values === null) return [];
  return Object.entries(values).flatMap(([field, value]) => portsIn(value, field));
}

/** Whether a connection of a node may leave from a port; see ip(7) and ip-sysctl.rst of the kernel's documentation. */
function mayLeaveFrom(port: number): boolean {
  const ranges = (text: string) => text.split(',').map((range) => range.split(/[-\s]/).map(Number));
  const isIn = ([first = 0, last = first]: readonly number[]) => first <= port && port <= last;
  const outgoing = ranges(HOST_SYSCTLS['net.ipv4.ip_local_port_range']);
  return outgoing.some(isIn) && !ranges(HOST_SYSCTLS['net.ipv4.ip_local_reserved_ports']).some(isIn);
}

describe('a node of the lab or of a cluster', () => {
  it('opens connections from ports at which none of its programs listens', () => {
    const ofTheChart = portsIn(parse(readFileSync(VALUES, 'utf8')));
    expect(ofTheChart).toEqual(expect.arrayContaining([10_270, 10_271, 6443, 10_280]));
    expect([...ofTheChart, ...OF_KUBERNETES].filter(mayLeaveFrom)).toEqual([]);
    expect(mayLeaveFrom(20_000)).toBe(true);
  });
});
