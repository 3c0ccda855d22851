import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkClusterName } from '../cluster/plan.ts';
import { aloneOnOwnClusters, controlPlanesOf, ownClusterName, secondOf } from '../e2e/own-clusters.ts';

describe('the clusters of the end-to-end tests', () => {
  it.each([undefined, 'x', 'abcde', 'abcd2'])(
    'have names that clusters may have, each its own: E2E_CLUSTER=%s',
    (given) => {
      const own = ownClusterName({ E2E_CLUSTER: given });
      const second = secondOf(own);
      const names = [own, second, controlPlanesOf(own), controlPlanesOf(second)];
      expect(names.map(checkClusterName)).toEqual(names);
      expect(new Set(names).size).toBe(names.length);
    },
  );

  it('are refused a name that leaves no room for those of further clusters', () => {
    expect(() => ownClusterName({ E2E_CLUSTER: 'abcdef' })).toThrow('at most 5 letters');
  });

  it('are one run’s at a time: another one is refused, and told what to do, until that is over', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'own-clusters-'));
    try {
      const second = async () => 'ran';
      await aloneOnOwnClusters(async () => {
        await expect(aloneOnOwnClusters(second, folder)).rejects.toThrow('set E2E_CLUSTER to another name');
      }, folder);
      expect(await aloneOnOwnClusters(second, folder)).toBe('ran');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
