import type { ControllerSnapshot } from '../server/status.ts';

/** What a replica knows that leads a healthy cluster. */
export function healthySnapshot(): ControllerSnapshot {
  const names = ['pools', 'node plans', 'nodes', 'agent pods', 'lease'];
  return {
    version: '0.1.0',
    identity: 'controller-1',
    leading: true,
    leader: 'controller-1',
    informers: names.map((name) => ({ name, synced: true, connected: true })),
    view: {
      pools: [
        {
          name: 'web',
          conditions: [
            { type: 'Ready', status: 'True', reason: 'AllWell', message: 'every address is where it should be' },
          ],
          addressCount: 2,
          heldCount: 1,
          eligibleNodes: 2,
          services: { allocated: 2, retained: 1, free: 11 },
        },
      ],
      addresses: [
        { pool: 'web', address: '192.0.2.100', plannedNode: 'a', holders: ['a'], since: '2026-01-01T00:00:00Z' },
        { pool: 'web', address: '192.0.2.101', plannedNode: 'b', holders: [], since: null },
      ],
      nodes: [
        {
          name: 'a',
          ready: true,
          cordoned: false,
          agent: true,
          agentVersion: '0.1.0',
          plan: 'p',
          observedPlan: 'p',
          health: [{ pool: 'web', band: 0, reason: 'healthy' }],
          problems: [],
        },
      ],
      services: {
        total: 2,
        waiting: { PoolExhausted: 1 },
        list: [
          {
            namespace: 'shop',
            name: 'db',
            addresses: [],
            waitsFor: 'PoolExhausted',
            message: 'pool web has no free address',
          },
          {
            namespace: 'shop',
            name: 'ui',
            addresses: [
              {
                address: '192.0.2.130',
                pool: 'web',
                plannedNode: 'a',
                holders: ['a'],
                since: '2026-01-01T00:00:00Z',
              },
            ],
            waitsFor: null,
            message: 'it has 192.0.2.130 of pool web',
          },
        ],
      },
      moves: [{ pool: 'web', addresses: ['192.0.2.100'], from: 'b', to: 'a', at: '2026-01-01T00:00:00Z' }],
    },
  };
}
