/** Where a connection goes to. */
export interface Endpoint {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Where the connection to a URL goes. Pure.
 * @param url without a port: that of https: or http:
 * @throws TypeError for a URL that is none
 */
export function endpointOf(url: string): Endpoint {
  const { hostname, port, protocol } = new URL(url);
  const standardPort = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? standardPort : Number(port) };
}
