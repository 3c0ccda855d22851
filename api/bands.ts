/*
 * How fit a node is for an instance, in bands from the fittest to the least fit. Nodes report them, the controller sums them up; why they
 * are in this order is in docs/adr/0032-a-draining-node-is-worse-than-one-without-a-kubelet.md.
 */

/** The bands by what they mean. */
export const BANDS = {
  healthy: 0,
  noKubeApi: 1,
  kubeletFailed: 2,
  draining: 3,
  incomplete: 4,
  serviceFailed: 5,
} as const;

/** The lower, the fitter. */
export type Band = (typeof BANDS)[keyof typeof BANDS];

/** The least fit that a node can be. */
export const WORST_BAND = BANDS.serviceFailed;

/** What each band says of the node, in words for logs and /status. */
export const BAND_NAMES: Readonly<Record<Band, string>> = {
  [BANDS.healthy]: 'healthy',
  [BANDS.noKubeApi]: 'cannot reach the Kubernetes API',
  [BANDS.kubeletFailed]: 'kubelet check failed',
  [BANDS.draining]: 'draining',
  [BANDS.incomplete]: 'cannot carry all addresses',
  [BANDS.serviceFailed]: 'service check failed',
};

/** What the numbers of bands mean, for whoever reads one. */
export const BAND_LEGEND =
  '0 healthy, 1 no Kubernetes API, 2 kubelet failed, 3 draining, 4 cannot carry all addresses, 5 service failed';

/** Whether nothing at all is wrong with the node. */
export function isHealthy(band: Band): boolean {
  return band === BANDS.healthy;
}

/** Whether the node may be preferred for its rank: of nodes that are worse than this, the one that holds an address keeps it. */
export function takesFailback(band: Band): boolean {
  return band < BANDS.kubeletFailed;
}

/** Whether clients of the node's addresses are not served as they should be: its service fails, or it lacks one of the addresses. */
export function servesBadly(band: Band): boolean {
  return band >= BANDS.incomplete;
}

/** The one that is in the worse band, of equals the other; what is not known yet is no worse than anything. */
export function worseOf<T extends { readonly band: Band }>(one: T, other: T | undefined): T {
  return other === undefined || one.band > other.band ? one : other;
}
