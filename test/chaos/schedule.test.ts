import { describe, expect, it } from 'vitest';
import { type Round, Schedule, type ServiceStrike, type Strike } from './schedule.ts';

const SCENE = { nodes: ['node1', 'node2', 'node3'], controlPlane: 'cp', spare: ['192.0.2.7', '192.0.2.8'] };
const HEAVY = ['link-cut', 'switch-cut', 'node-freeze', 'ingress-crash', 'keepalived-kill'];

function rounds(seed: number, count = 300): Round[] {
  const schedule = new Schedule(seed, SCENE);
  return Array.from({ length: count }, () => schedule.next());
}

function faultsOf({ strikes }: Round): Extract<Strike, { fault: string }>[] {
  return strikes.filter((strike) => 'fault' in strike);
}

function editsOf({ strikes }: Round): Extract<Strike, { edit: string }>[] {
  return strikes.filter((strike) => 'edit' in strike);
}

function ofServices(seed: number): ServiceStrike[] {
  const schedule = new Schedule(seed, { ...SCENE, services: ['a', 'b', 'c', 'd'] });
  return Array.from({ length: 300 }, () => schedule.next())
    .flatMap(({ strikes }) => strikes)
    .filter((strike) => 'service' in strike || 'pool' in strike);
}

describe('a schedule of chaos', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(rounds(7)).toEqual(rounds(7));
    expect(rounds(7)).not.toEqual(rounds(8));
  });

  it('has every kind of fault and of edit', () => {
    const all = rounds(1).flatMap(({ strikes }) => strikes);
    const kinds = new Set(
      all.flatMap((strike) => ('fault' in strike ? strike.fault : 'edit' in strike ? strike.edit : [])),
    );
    expect([...kinds].toSorted()).toEqual(
      [
        ...HEAVY,
        ...['kubelet-stop', 'sidecar-kill', 'sidecar-hang', 'apiserver-stop', 'controller-kill', 'add', 'remove'],
      ].toSorted(),
    );
  });

  it('leaves a node that serves, and does nothing twice to one', () => {
    for (const round of rounds(3)) {
      const faults = faultsOf(round);
      expect(faults.length).toBeGreaterThan(0);
      expect(faults.filter(({ fault }) => HEAVY.includes(fault)).length).toBeLessThan(SCENE.nodes.length);
      const hit = faults.filter(({ fault }) => fault !== 'controller-kill').map(({ node }) => node);
      expect(new Set(hit).size).toBe(hit.length);
    }
  });

  it('adds what is not in the pool, and removes what is', () => {
    const inPool = new Set<string>();
    for (const { edit, address } of rounds(5).flatMap(editsOf)) {
      expect(inPool.has(address)).toBe(edit === 'remove');
      if (edit === 'add') inPool.add(address);
      else inPool.delete(address);
    }
  });

  it('has everything that can happen to Services, where there are any', () => {
    const of = ofServices(9);
    const kinds = of.map((strike) => ('pool' in strike ? strike.pool : strike.service));
    const all = ['create', 'delete', 'renew', 'to ClusterIP', 'to balancer', 'widen', 'narrow'];
    expect([...new Set(kinds)].toSorted()).toEqual(all.toSorted());
  });

  it('does to a Service what can be done to it', () => {
    const follows: Readonly<Record<string, readonly string[]>> = {
      nothing: ['create'],
      create: ['delete', 'renew', 'to ClusterIP'],
      renew: ['delete', 'renew', 'to ClusterIP'],
      'to balancer': ['delete', 'renew', 'to ClusterIP'],
      delete: ['create'],
      'to ClusterIP': ['to balancer'],
    };
    const last = new Map<string, string>();
    for (const strike of ofServices(10).filter((each) => 'service' in each)) {
      expect(follows[last.get(strike.name) ?? 'nothing']).toContain(strike.service);
      last.set(strike.name, strike.service);
    }
  });

  it('is the same as ever where there are no Services', () => {
    const kinds = rounds(11).flatMap(({ strikes }) => strikes.filter((each) => 'service' in each || 'pool' in each));
    expect(kinds).toEqual([]);
  });

  it('strikes in the order of the moments, and edits before an API server goes', () => {
    for (const { strikes } of rounds(5)) {
      const moments = strikes.map(({ atMs }) => atMs);
      expect(moments).toEqual(moments.toSorted((a, b) => a - b));
      expect(strikes.findLastIndex((strike) => 'edit' in strike)).toBeLessThanOrEqual(0);
    }
  });
});
