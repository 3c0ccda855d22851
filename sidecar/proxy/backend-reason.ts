import type { BackendView } from './balancer.ts';

/**
 * Why an API server is in its state, in one sentence. What HAProxy's check found is not why one drains: that one passes it. Pure.
 * @param readiness what its `/readyz` said last; null while that is not known
 */
export function reasonOf(
  { state, doubt, check }: Pick<BackendView, 'state' | 'doubt' | 'check'>,
  readiness: string | null,
): string {
  switch (state) {
    case 'up':
    case 'down':
      return check === '' ? 'not checked yet' : check;
    case 'draining':
      return doubt ?? readiness ?? 'it said that it is not ready';
    case 'leaving':
      return 'it is no longer among the API servers';
  }
}
