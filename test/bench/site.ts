import { join } from 'node:path';
import { planCluster } from '../cluster/plan.ts';
import { adminKubeconfig } from '../cluster/state.ts';
import { Site } from '../environment/site.ts';
import { BENCH_CLUSTER, type BenchedCluster } from './cluster-bench.ts';

/** The measured cluster as the end-to-end tests see a cluster. */
export function benchSite({ state, helm }: Pick<BenchedCluster, 'state' | 'helm'>): Site {
  const plan = planCluster(state.shape);
  return new Site({
    kubeconfig: adminKubeconfig(BENCH_CLUSTER),
    kubectl: join(state.parts.kubernetes, 'kubectl'),
    helm,
    helm3: undefined,
    vip: `${plan.ingressVip}/${plan.prefixLength}`,
    valuesFiles: [],
    cluster: BENCH_CLUSTER,
  });
}
