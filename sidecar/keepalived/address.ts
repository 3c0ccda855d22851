import { isIP } from 'node:net';

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** The family of an address that is known to be one. */
export function familyOf(address: string): Family {
  return isIP(address) === 6 ? 6 : 4;
}

/** The form in which the kernel's addresses are shown: IPv6 compressed and in lower case (RFC 5952). */
export function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
