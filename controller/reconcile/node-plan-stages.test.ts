import { describe, expect, it } from 'vitest';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import { poolOf } from '../testing/objects.ts';
import { nodePlansToRemove } from './node-plan-removal-stage.ts';
import { nodePlanSpec } from './node-plan-spec.ts';
import { nodePlansToWrite } from './node-plan-stage.ts';

const POOLS = [poolOf('web', ['192.0.2.100']), poolOf('db', ['192.0.2.101'])];

function content(...pools: string[]): NodePlanSpec {
  return nodePlanSpec({
    pools: pools.map((name) => ({ name, interface: '', failbackDelaySeconds: 30 })),
    instances: pools.map((pool) => {
      return { name: `${pool}-0`, pool, virtualRouterId: 1, rank: 0, addresses: ['192.0.2.100'] };
    }),
  });
}

function stored(name: string, of: NodePlanSpec): StoredNodePlan {
  const [desired] = nodePlansToWrite(new Map([[name, of]]), [], POOLS);
  return { metadata: { name, ownerReferences: desired?.owners ?? [] }, spec: of };
}

describe('the NodePlans to write', () => {
  it('are those of new nodes, owned by the pools in them', () => {
    const specs = new Map([['a', content('web', 'db')]]);
    const apply = nodePlansToWrite(specs, [], POOLS);
    expect(nodePlansToRemove(specs, [])).toEqual([]);
    expect(apply).toHaveLength(1);
    expect(apply[0]).toMatchObject({ name: 'a', spec: content('web', 'db') });
    expect(apply[0]?.owners).toEqual([
      { apiVersion: 'keepalived-ingress-vip.io/v1alpha1', kind: 'VirtualIPPool', name: 'web', uid: 'uid-web' },
      { apiVersion: 'keepalived-ingress-vip.io/v1alpha1', kind: 'VirtualIPPool', name: 'db', uid: 'uid-db' },
    ]);
  });

  it('are none when all is stored', () => {
    const plans = new Map([['a', content('web')]]);
    const all = [stored('a', content('web'))];
    expect(nodePlansToWrite(plans, all, POOLS)).toEqual([]);
    expect(nodePlansToRemove(plans, all)).toEqual([]);
  });

  it('are only those that changed', () => {
    const plans = new Map([
      ['a', content('web')],
      ['b', content('web', 'db')],
    ]);
    const apply = nodePlansToWrite(plans, [stored('a', content('web')), stored('b', content('web'))], POOLS);
    expect(apply.map(({ name }) => name)).toEqual(['b']);
  });

  it('are also those whose pool was deleted and made anew', () => {
    const again = [{ ...poolOf('web', ['192.0.2.100']), metadata: { name: 'web', uid: 'other' } }];
    const apply = nodePlansToWrite(new Map([['a', content('web')]]), [stored('a', content('web'))], again);
    expect(apply.map(({ name }) => name)).toEqual(['a']);
  });

  it('go away with their node', () => {
    expect(nodePlansToRemove(new Map(), [stored('a', content('web'))])).toEqual(['a']);
  });
});
