import { describe, expect, it } from 'vitest';
import { nodePlanSpecSchema } from '../../api/node-plan.ts';
import { makePlan } from '../plan/planner.ts';
import { addresses, input, nodes, pool } from '../plan/testing/scenes.ts';
import type { NodePlanContent } from '../plan/types.ts';
import { nodePlanSpec, planDigest } from './node-plan-spec.ts';

const content: NodePlanContent = {
  pools: [{ name: 'p', interface: '', failbackDelaySeconds: 30, healthCheck: { tcpSocket: { port: 80, host: 'h' } } }],
  instances: [{ name: 'p-0', pool: 'p', virtualRouterId: 1, rank: 0, addresses: ['10.0.0.1'] }],
};

describe('the digest of a plan', () => {
  it('does not depend on the order of keys, nor on keys without a value', () => {
    const [instance] = content.instances;
    const same = {
      instances: [{ ...instance, peers: undefined }],
      pools: [
        { healthCheck: { tcpSocket: { host: 'h', port: 80 } }, failbackDelaySeconds: 30, interface: '', name: 'p' },
      ],
    } as NodePlanContent;
    expect(planDigest(same)).toBe(planDigest(content));
    expect(planDigest(content)).toMatch(/^[0-9a-f]{16}$/);
  });

  it('changes with anything else', () => {
    const changed = content.instances.map((instance) => ({ ...instance, rank: 1 }));
    expect(planDigest({ ...content, instances: changed })).not.toBe(planDigest(content));
    expect(planDigest({ ...content, pools: [] })).not.toBe(planDigest(content));
  });
});

describe('a node’s plan', () => {
  it('is what the custom resource allows', () => {
    const specs = { multicast: {}, unicast: { vrrp: { peering: 'Unicast' as const } } };
    const pools = Object.entries(specs).map(([name, spec], index) =>
      pool(name, { addresses: addresses(70, index), ...spec }),
    );
    for (const plan of makePlan(input({ nodes: nodes(10), demands: pools })).nodes.values()) {
      const spec = nodePlanSpec(plan);
      expect(nodePlanSpecSchema.strict().parse(spec)).toEqual(spec);
    }
  });
});
