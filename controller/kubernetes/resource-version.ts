/**
 * Whether resource version `candidate` is older than `present`. Resource versions are decimal numbers that grow
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions); of others nothing is said.
 */
export function isOlder(candidate: string | undefined, present: string | undefined): boolean {
  if (!/^\d+$/.test(candidate ?? '') || !/^\d+$/.test(present ?? '')) return false;
  return BigInt(candidate ?? 0) < BigInt(present ?? 0);
}
