import { canonical } from '../../common/addresses.ts';
import { type ControlPlane, controlPlaneOf, type ProxySettings } from '../config/control-plane.ts';
import type { Settings } from '../config/settings.ts';

/** What the settings ask of a proxy in front of the API servers; null for none. Pure. */
export function proxySettingsOf({ controlPlaneLoadBalancing, vrrp }: Settings): ProxySettings | null {
  return controlPlaneOf(controlPlaneLoadBalancing, vrrp)?.proxy ?? null;
}

/** Which addresses the certificates of API servers are to have, and where they are shown. */
export interface CertifiedAddresses {
  /** The virtual addresses in canonical form, without prefixes. */
  readonly addresses: readonly string[];
  /** Port of an API server of which no other is known. */
  readonly port: number;
  /** Further ports of the same servers that speak TLS as an API server does. */
  readonly extraPorts: readonly number[];
  /** Whether clients reach every API server by the addresses, or only that of the node that holds one. */
  readonly everyServer: boolean;
}

/** What the settings ask of certificates; null where they have no addresses of the control plane. Pure. */
export function certifiedAddressesOf({ controlPlaneLoadBalancing, vrrp }: Settings): CertifiedAddresses | null {
  const controlPlane = controlPlaneOf(controlPlaneLoadBalancing, vrrp);
  if (controlPlane === null || controlPlaneLoadBalancing === undefined) return null;
  const { proxy } = controlPlane;
  const [, ...extra] = proxy?.ports ?? [];
  return {
    addresses: addressesOf(controlPlane),
    port: controlPlaneLoadBalancing.backends.port,
    extraPorts: extra.flatMap(({ check, targetPort }) => (check === 'kubernetes' ? [targetPort] : [])),
    everyServer: proxy !== null,
  };
}

function addressesOf({ instances }: ControlPlane): string[] {
  return [...new Set(instances.flatMap(({ addresses }) => addresses.map(canonical)))];
}
