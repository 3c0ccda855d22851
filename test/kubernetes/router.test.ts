import { expect, it } from 'vitest';
import { planCluster } from '../cluster/plan.ts';
import { routerConfiguration } from './router.ts';

it('the router learns from every node, and takes all equal ways', () => {
  const text = routerConfiguration(planCluster({ name: 'x', nodes: 2, controlPlanes: 1, subnet: 3 }));
  expect(text).toContain('router id 10.77.3.254;');
  expect(text).toContain('merge paths on');
  expect([...text.matchAll(/neighbor (\S+) as 64512;/g)].map(([, node]) => node)).toEqual(['10.77.3.11', '10.77.3.12']);
});
