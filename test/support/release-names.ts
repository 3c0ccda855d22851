import { join } from 'node:path';

/** Release and namespace as the documentation has them. */
export const RELEASE_NAME = 'keepalived-ingress-vip';
export const RELEASE_NAMESPACE = 'vip';
/** The chart in the checkout. */
export const CHART = join(import.meta.dirname, '../../chart');
