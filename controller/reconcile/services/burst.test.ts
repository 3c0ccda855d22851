import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import type { FakeServices } from '../../testing/fake-services.ts';
import { poolOf } from '../../testing/objects.ts';
import { settle } from '../../testing/settle.ts';
import type { Reconciler } from '../reconciler.ts';

/*
 * Many Services at once. The API server takes so many writes a second: what is written for each is counted.
 */

const COUNT = 450;
const NAMES = Array.from({ length: COUNT }, (_, index) => `ui-${index}`);

let fake: FakeCluster;
let services: FakeServices;
let reconciler: Reconciler;

/** How often each kind was written. */
function writes(): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const what of fake.written) {
    const [kind = ''] = what.split(' ');
    counted[kind] = (counted[kind] ?? 0) + 1;
  }
  return counted;
}

beforeEach(() => {
  fake = new FakeCluster();
  services = fake.serve();
  fake.addNodes('a', 'b', 'c');
  fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: '192.168.0.0/20' }], services: {} } }));
  reconciler = fake.reconciler();
});

describe('many Services at once', () => {
  it('take three writes each until they have their addresses, two for who holds them, and one Event', async () => {
    for (const name of NAMES) services.create(name);
    await settle({ fake, services, reconciler });
    expect(NAMES.flatMap((name) => services.addresses(name))).toHaveLength(COUNT);
    const counted = writes();
    expect(counted).toMatchObject({ finalizer: COUNT, claim: COUNT, claim_status: COUNT, service_status: 2 * COUNT });
    expect(fake.events.filter(({ regarding }) => regarding.kind === 'Service')).toHaveLength(COUNT);
    const { finalizer, claim, claim_status, service_status, ...others } = counted;
    const rest = Object.values(others).reduce((sum, each) => sum + each, 0);
    expect(rest).toBeLessThan(COUNT / 10);
  });

  it('have their addresses before it is told who holds which', async () => {
    for (const name of NAMES) services.create(name);
    await settle({ fake, services, reconciler });
    const told = fake.written.findIndex((what) => what.startsWith('claim_status'));
    const before = fake.written.slice(0, told).filter((what) => what.startsWith('service_status'));
    expect(before).toHaveLength(COUNT);
  });

  it('come into few plans while they come: the first at once, the others half a second later at most', async () => {
    for (const name of NAMES) services.create(name);
    services.deliver();
    const planned = () => fake.caches.plans.get('a')?.spec.instances.flatMap(({ addresses }) => addresses).length ?? 0;
    await reconciler.run();
    expect(planned()).toBe(100);
    const plans = () => writes().node_plan;
    for (let runs = 0; runs < 3; runs += 1) expect(await reconciler.run()).toBe(0);
    expect([planned(), plans()]).toEqual([100, 3]);
    await reconciler.run();
    expect(NAMES.flatMap((name) => services.addresses(name))).toHaveLength(COUNT);
    const againMs = await reconciler.run();
    expect(againMs).toBe(500);
    await fake.time.advance(500);
    await reconciler.run();
    expect([planned(), plans()]).toEqual([COUNT, 6]);
  });

  it('keep nobody from a plan when they cannot be written', async () => {
    for (const name of NAMES) services.create(name);
    services.deliver();
    await reconciler.run();
    fake.onWrite = (what) => {
      if (what.startsWith('finalizer')) throw new Error('refused');
    };
    await expect(reconciler.run()).rejects.toThrow('not written');
    const before = fake.written.length;
    fake.putPool(poolOf('other', ['192.0.2.200']));
    await expect(reconciler.run()).rejects.toThrow('not written');
    expect(fake.written.slice(before)).toContain('node_plan a');
  });
});
