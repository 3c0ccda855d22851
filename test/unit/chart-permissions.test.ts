import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ensureTool } from '../../scripts/tools.ts';
import { renderChart } from '../lab/chart.ts';
import {
  documentedControlPlanePermissions,
  documentedIngressPermissions,
  documentedPermissions,
  documentedPoolPermissions,
  documentedServicePermissions,
  grantedPermissions,
  type Permission,
} from '../support/permissions.ts';

const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/security.md');
/** A cold machine builds helm first. */
const SET_UP_LIMIT_MS = 30 * 60_000;

let helm: string;

beforeAll(async () => {
  helm = await ensureTool('helm');
}, SET_UP_LIMIT_MS);

async function granted(set: readonly string[]): Promise<Permission[]> {
  const rendered = await renderChart(helm, { files: [], set });
  return grantedPermissions(
    parseAllDocuments(rendered).flatMap((document) => (document.toJS() as { kind: string } | null) ?? []),
  );
}

describe('the table of permissions in the documentation', () => {
  const documented = documentedPermissions(readFileSync(DOCUMENT, 'utf8'));

  it('lists what the chart grants by default and nothing else', async () => {
    expect(new Set(documented)).toEqual(new Set(await granted([])));
  });

  it('lists what pools add, for agents and controller', async () => {
    const added = documentedPoolPermissions(readFileSync(DOCUMENT, 'utf8'));
    const pools = await granted(['virtualIPPools.a.addresses={192.168.1.200}']);
    expect(added.length).toBeGreaterThan(0);
    expect(new Set([...documented, ...added])).toEqual(new Set(pools));
  });

  it('lists what an ingress of the control plane adds to pools', async () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const added = documentedIngressPermissions(text);
    const rights = await granted(['controlPlane.ingress.managedVirtualIP.address=192.168.1.200']);
    expect(added.length).toBeGreaterThan(0);
    expect(new Set([...documented, ...documentedPoolPermissions(text), ...added])).toEqual(new Set(rights));
  });

  it('tells what a Service of that ingress adds', async () => {
    const ingress = 'controlPlane.ingress.managedVirtualIP.address=192.168.1.200';
    const without = (await granted([ingress])).map((right) => JSON.stringify(right));
    const rights = await granted([ingress, 'controlPlane.ingress.service.selector.app=ui']);
    const added = rights.filter((right) => !without.includes(JSON.stringify(right)));
    expect(added).toEqual([{ resource: 'services', verbs: ['get', 'list', 'watch', 'patch'], scope: 'namespace' }]);
    const sentence =
      'With `controlPlane.ingress.service` it also gets `get`, `list`, `watch` and `patch` of the one Service';
    expect(readFileSync(DOCUMENT, 'utf8')).toContain(sentence);
  });

  it('lists what Services add to pools, for the controller and for the Job that takes back what they have', async () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const added = documentedServicePermissions(text);
    const rights = await granted(['services.enabled=true']);
    expect(added.length).toBeGreaterThan(0);
    expect(new Set([...documented, ...documentedPoolPermissions(text), ...added])).toEqual(new Set(rights));
  });

  it('lists what a control plane behind an address adds, which is not there without the proxy', async () => {
    const added = documentedControlPlanePermissions(readFileSync(DOCUMENT, 'utf8'));
    const instance = 'controlPlaneLoadBalancing.keepalived.vrrpInstances[0]';
    const enabled = [
      'controlPlaneLoadBalancing.enabled=true',
      `${instance}.virtualIPs={192.168.1.200/24}`,
      `${instance}.authPass=secret`,
    ];
    expect(added.length).toBeGreaterThan(0);
    expect(new Set([...documented, ...added])).toEqual(new Set(await granted(enabled)));
    const alone = await granted([...enabled, 'controlPlaneLoadBalancing.keepalived.disableLoadBalancer=true']);
    expect(new Set(documented)).toEqual(new Set(alone));
  });

  it('lists as cluster-wide what is gone with keepalived.drainOnCordon: false', async () => {
    const rest = documented.filter(({ scope }) => scope === 'namespace');
    expect(rest.length).toBeGreaterThan(0);
    expect(await granted(['keepalived.drainOnCordon=false'])).toEqual(rest);
  });
});
