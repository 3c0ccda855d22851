import { familyOfAddress } from '../common/addresses.ts';

/** Families of addresses, as Kubernetes names them (`ipFamilies` of a Service). */
export const IP_FAMILIES = ['IPv4', 'IPv6'] as const;
export type IpFamily = (typeof IP_FAMILIES)[number];

/** The family of an address. Pure. */
export function ipFamilyOf(address: string): IpFamily {
  return familyOfAddress(address) === 6 ? 'IPv6' : 'IPv4';
}
