import { compareText } from '../../common/compare-text.ts';
import type { LoadBalancerService } from './types.ts';

type Backend = Pick<LoadBalancerService, 'selector' | 'publishNotReadyAddresses'> & {
  readonly metadata: Pick<LoadBalancerService['metadata'], 'namespace' | 'name'>;
};

/**
 * What tells which pods a Service has: Services of one key have the same endpoints, always, so that a node serves all of them or none. It is
 * known from the Service alone and does not change as pods come and go. One without a selector has endpoints that somebody lists for it,
 * and so a key of its own. Pure.
 */
export function backendKey({
  metadata: { namespace, name },
  selector,
  publishNotReadyAddresses = false,
}: Backend): string {
  const labels = Object.entries(selector).sort(([a], [b]) => compareText(a, b));
  return JSON.stringify(labels.length === 0 ? [namespace, name] : [namespace, labels, publishNotReadyAddresses]);
}
