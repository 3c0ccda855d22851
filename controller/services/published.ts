import { canonicalAddress } from '../../common/addresses.ts';
import { withAnswersOf } from '../../common/answers.ts';
import type { LoadBalancerService } from './types.ts';

const addressesIn = withAnswersOf((ingress: LoadBalancerService['ingress']): readonly string[] =>
  ingress.flatMap(({ ip = '' }) => canonicalAddress(ip) ?? []),
);

/** Addresses that a Service's status publishes, in canonical form. Pure. */
export function published({ ingress }: LoadBalancerService): readonly string[] {
  return addressesIn(ingress);
}
