import { describe, expect, it } from 'vitest';
import type { ServiceAddress } from '../../../api/service-address.ts';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import { servicesView } from './service-view.ts';

const CONDITION = { type: 'keepalived-ingress-vip.io/Allocated', lastTransitionTime: '2026-01-01T00:00:00Z' };

describe('what is shown of Services', () => {
  it('is who has which address, where it is, and first of all who waits for what', () => {
    const services = new FakeCluster().serve();
    const ui = services.create('ui', {
      conditions: [{ ...CONDITION, status: 'True', reason: 'Allocated', message: 'it has it' }],
    });
    const db = services.create('db', {
      conditions: [{ ...CONDITION, status: 'False', reason: 'PoolExhausted', message: 'full' }],
    });
    const other = services.create('other', { type: 'ClusterIP' });
    const { namespace, name, uid } = ui.metadata;
    const claim: ServiceAddress = {
      metadata: { name: '192.0.2.130' },
      spec: { address: '192.0.2.130', pool: 'web', owners: [{ namespace, name, uid }] },
      status: { plannedNode: 'a', holders: ['b'], since: '2026-01-01T00:00:00Z' },
    };
    expect(servicesView([other, ui, db], [claim])).toEqual({
      total: 2,
      waiting: { PoolExhausted: 1 },
      list: [
        { namespace: 'shop', name: 'db', addresses: [], waitsFor: 'PoolExhausted', message: 'full' },
        {
          namespace: 'shop',
          name: 'ui',
          addresses: [
            { address: '192.0.2.130', pool: 'web', plannedNode: 'a', holders: ['b'], since: '2026-01-01T00:00:00Z' },
          ],
          waitsFor: null,
          message: 'it has it',
        },
      ],
    });
  });

  it('is no more than a page can show, and counted whole', () => {
    const services = new FakeCluster().serve();
    const many = Array.from({ length: 1100 }, (_, at) =>
      services.create(`s${at}`, { conditions: [{ ...CONDITION, status: 'False', reason: 'NoPool', message: 'none' }] }),
    );
    const view = servicesView(many, []);
    expect(view).toMatchObject({ total: 1100, waiting: { NoPool: 1100 } });
    expect(view.list).toHaveLength(1000);
  });
});
