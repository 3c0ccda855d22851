import { readFileSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import type { CheckSpec } from './check-spec.ts';
import type { CheckName } from './types.ts';

/**
 * What the settings ask to be checked of the node, by name; a check that is switched off is not there. The service's CA is read here and
 * now: it is a part of the settings, so that a file that is replaced later changes nothing until they are loaded again.
 * @param apiIsKnown whether this pod knows where the API server is: one that no API server made does not, and would fail for ever
 * @throws when the service's CA file cannot be read
 */
export function readNodeChecks(
  { service, kubelet, kubeApi }: Settings['checks'],
  apiIsKnown = true,
): ReadonlyMap<CheckName, CheckSpec> {
  const { caFile } = service;
  const ca = caFile === '' ? undefined : readFileSync(caFile, 'utf8');
  const specs = new Map<CheckName, CheckSpec>([['service', { kind: 'service', settings: service, ca }]]);
  if (kubelet.enabled) specs.set('kubelet', { kind: 'kubelet', settings: kubelet });
  if (kubeApi.enabled && (apiIsKnown || kubeApi.url !== ''))
    specs.set('kubeApi', { kind: 'kubeApi', settings: kubeApi });
  return specs;
}
