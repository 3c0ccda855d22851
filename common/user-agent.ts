const PRODUCT = 'keepalived-ingress-vip';

/** By what name servers see the requests of the sidecar (RFC 9110 section 10.1.5). Pure. */
export function userAgentOf(version?: string): string {
  return version === undefined ? PRODUCT : `${PRODUCT}/${version}`;
}
