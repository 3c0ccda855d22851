import { stringify } from 'yaml';
import { GROUP_VERSION } from '../../api/group.ts';
import { POOL_NAME, POOL_NAME_LENGTH, virtualIpPoolSpecSchema } from '../../api/virtual-ip-pool.ts';
import { issueText } from '../../common/check-document.ts';
import { type ManifestObject, objectsIn, TranslateError } from './documents.ts';
import { fromKubeVip, isKubeVip } from './kube-vip.ts';
import { fromMetalLb, isMetalLb } from './metallb.ts';
import type { TranslatedPool } from './pool.ts';

/** What the command gives. */
export interface Translated {
  /** VirtualIPPools, as `kubectl apply -f -` takes them. */
  readonly manifest: string;
  /** What has no equivalent, or must be mended, in sentences that begin with the object. */
  readonly warnings: readonly string[];
}

function manifestOf({ name, spec }: TranslatedPool): string {
  return stringify({ apiVersion: GROUP_VERSION, kind: 'VirtualIPPool', metadata: { name }, spec });
}

/** What an API server would refuse. */
function problemsOf({ name, spec }: TranslatedPool): string[] {
  const issues = virtualIpPoolSpecSchema.safeParse(spec).error?.issues ?? [];
  const ofSpec = issues.map((issue) => `VirtualIPPool ${name}: spec.${issueText(issue)}`);
  if (POOL_NAME.test(name)) return ofSpec;
  const fix = `at most ${POOL_NAME_LENGTH} characters of a-z, 0-9 and -; give it another, also where Services ask for it`;
  return [`VirtualIPPool ${name}: the name is not ${fix}`, ...ofSpec];
}

function unknown({ kind, name }: ManifestObject): string {
  return `${kind} ${name}: is left out, since it is neither of MetalLB nor kube-vip's ConfigMap of pools`;
}

/**
 * Makes VirtualIPPools of the pools of MetalLB and kube-vip. Pure.
 * @param text manifests as YAML or JSON
 * @throws {TranslateError} when there is none in it
 */
export function translate(text: string): Translated {
  const objects = objectsIn(text);
  const [metalLb, kubeVip] = [fromMetalLb(objects.filter(isMetalLb)), fromKubeVip(objects.filter(isKubeVip))];
  const others = objects.filter((object) => !isMetalLb(object) && !isKubeVip(object));
  const pools = [...metalLb.pools, ...kubeVip.pools];
  if (pools.length === 0) {
    throw new TranslateError(
      'there is no pool in what was given; give IPAddressPools of MetalLB, or the ConfigMap kubevip of kube-vip, for example by: kubectl get ipaddresspools,l2advertisements -A -o yaml',
    );
  }
  const warnings = [...metalLb.warnings, ...kubeVip.warnings, ...others.map(unknown), ...pools.flatMap(problemsOf)];
  return { manifest: pools.map(manifestOf).join('---\n'), warnings };
}
