import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CHART,
  helmInstall,
  helmUninstall,
  helmUpgrade,
  NAMESPACE,
  RELEASE,
  waitForHolder,
  waitForPods,
} from '../environment/release.ts';
import { waitFor } from '../support/wait.ts';
import { site } from './here.ts';
import { listedAddresses, objectsOf } from './leftovers.ts';
import { releasePods } from './pods.ts';
import { waitForAnswer } from './reachable.ts';
import { waitForRollout } from './rollout.ts';

const PREDECESSOR = join(import.meta.dirname, 'fixtures/predecessor');
const LIMIT = { limitMs: 60_000, everyMs: 500 };

afterEach(() => helmUninstall(site));

/** Waits until the workload has its pods, and one of their nodes the address. */
async function settle(workload: string): Promise<void> {
  await waitForRollout(site, workload);
  await waitForHolder(site);
  await waitForAnswer(site);
}

/** What Helm installed, without pods and what Helm itself and controllers keep. */
async function installedObjects(): Promise<string[]> {
  const made = /^(pod|replicaset|controllerrevision|secret\/sh\.helm)/;
  return (await objectsOf(site, RELEASE)).filter((object) => !made.test(object)).toSorted();
}

describe('an upgrade', () => {
  it('that gives the objects another name leaves none of the old ones', async () => {
    await helmInstall(site, { set: ['fullnameOverride=first'] });
    await waitForPods(site);
    await waitForHolder(site);
    const before = await installedObjects();
    expect(before.length).toBeGreaterThan(5);

    await helmUpgrade(site, { set: ['fullnameOverride=second'] });
    await settle('deployment/second');
    const oldGone = async () => (await releasePods(site)).every(({ name }) => name.startsWith('second-'));
    await waitFor('the old pods to end', oldGone, LIMIT);
    expect(await installedObjects()).toEqual(before.map((object) => object.replaceAll('first', 'second')).toSorted());
    expect(await releasePods(site)).toHaveLength(2);
    await waitForHolder(site);

    await helmUninstall(site);
    expect(await site.holders()).toEqual([]);
    if (site.hasHarness) expect(await listedAddresses(site)).toEqual([]);
  });

  it.skipIf(!site.hasHarness)(
    'from the chart that this one replaces keeps its selector and password, and none of its rights',
    async () => {
      await helmInstall(site, { chart: PREDECESSOR });
      await waitForRollout(site, `deployment/${RELEASE}`);
      expect(await installedObjects()).toContain(`clusterrole.rbac.authorization.k8s.io/${RELEASE}`);

      await site.helm([
        ...['upgrade', RELEASE, CHART, '-n', NAMESPACE, '--reset-values'],
        ...['--set', `keepalived.vipAddressCidr=${site.description.vip}`],
        ...['--set', 'keepalived.vrrpVersion=2', '--set', 'keepalived.advertInterval=1'],
      ]);
      await settle(`deployment/${RELEASE}`);
      const selector = ['get', `deployment/${RELEASE}`, '-n', NAMESPACE, '-o', 'jsonpath={.spec.selector.matchLabels}'];
      expect(JSON.parse(await site.kubectl(selector))).toEqual({
        'app.kubernetes.io/name': 'keepalived-ingress-vip',
        'app.kubernetes.io/instance': RELEASE,
      });
      const password = ['get', `secret/${RELEASE}-auth`, '-n', NAMESPACE, '-o', 'jsonpath={.data.authPassword}'];
      expect(Buffer.from(await site.kubectl(password), 'base64').toString()).toBe('inherit1');
      expect(await installedObjects()).not.toContain(`clusterrole.rbac.authorization.k8s.io/${RELEASE}`);
      expect(await installedObjects()).not.toContain(`secret/${RELEASE}`);
      expect(await releasePods(site)).toHaveLength(2);

      await helmUninstall(site);
      expect(await objectsOf(site, RELEASE)).toEqual([]);
    },
  );
});
