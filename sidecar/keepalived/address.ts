import { isIP } from 'node:net';
import { canonicalAddress } from '../../api/addresses.ts';

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** The family of an address that is known to be one. */
export function familyOf(address: string): Family {
  return isIP(address) === 6 ? 6 : 4;
}

/** The form in which the kernel's addresses are shown: IPv6 compressed and in lower case (RFC 5952). */
export function canonical(address: string): string {
  return canonicalAddress(address) ?? address;
}
