import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceAddress } from '../../../api/service-address.ts';
import { ManualTime } from '../../../common/testing/manual-time.ts';
import { ResourceCache } from '../../kubernetes/resource-cache.ts';
import { poolOf } from '../../testing/objects.ts';
import type { PlannedCluster } from '../stage.ts';
import { NOTHING_CLAIMED } from './claimed-addresses.ts';
import { NOTHING_LOCAL } from './local-addresses.ts';
import { ServiceAddressStatusStage } from './service-address-status-stage.ts';

const ADDRESS = '192.0.2.130';
const CLUSTER: PlannedCluster = {
  plan: { demands: new Map(), nodes: new Map() },
  specs: new Map(),
  state: {
    pools: [poolOf('web', [], { spec: { ranges: [{ cidr: '192.0.2.128/28' }], services: {} } })],
    ...{ plans: [], nodes: [], sidecars: new Set(), serving: 'known' },
    ...{ claims: [], claimed: NOTHING_CLAIMED, local: NOTHING_LOCAL },
  },
  holders: new Map(),
};

let time: ManualTime;
let claims: ResourceCache<ServiceAddress>;
let asked: number;
/** What the API server has; undefined: nothing any more. */
let stored: ServiceAddress | undefined;
let stage: ServiceAddressStatusStage;

/** One run: writes what is due. @returns in how many milliseconds more is, if ever */
async function run(): Promise<number | undefined> {
  const { writes, reviewAtMs } = stage.decide(CLUSTER);
  for (const { write } of writes) await write();
  return reviewAtMs === undefined ? undefined : reviewAtMs - time.monotonicMs();
}

beforeEach(() => {
  time = new ManualTime();
  asked = 0;
  claims = new ResourceCache<ServiceAddress>({}, { onChange: () => undefined });
  stored = {
    metadata: { name: ADDRESS, resourceVersion: '1' },
    spec: { address: ADDRESS, pool: 'web', owners: [{ namespace: 'default', name: 'ui', uid: 'u1' }] },
  };
  claims.put(stored);
  const applyClaimStatus: ConstructorParameters<typeof ServiceAddressStatusStage>[0]['writer']['applyClaimStatus'] = (
    claim,
    status,
  ) => {
    asked += 1;
    stored &&= { ...claim, metadata: { ...claim.metadata, resourceVersion: `${asked + 1}` }, status };
    return Promise.resolve(stored);
  };
  stage = new ServiceAddressStatusStage({ claims, writer: { applyClaimStatus }, clock: time });
});

describe('the status of a claim that no node has yet', () => {
  it('is written when no node has had it for a while, and once', async () => {
    expect(await run()).toBe(2000);
    await time.advance(2000);
    expect(await run()).toBeUndefined();
    expect(await run()).toBeUndefined();
    expect(asked).toBe(1);
    expect(stored?.status).toMatchObject({ conditions: [{ type: 'Held', reason: 'NotHeld' }] });
  });

  it('is not asked for at every run while the API server has no such claim any more', async () => {
    await run();
    await time.advance(2000);
    stored = undefined;
    await run();
    expect(await run()).toBe(250);
    expect(asked).toBe(1);
  });
});
