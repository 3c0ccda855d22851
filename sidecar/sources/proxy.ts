import { controlPlaneOf, type ProxySettings } from '../config/control-plane.ts';
import type { Settings } from '../config/settings.ts';

/** What the settings ask of a proxy in front of the API servers; null for none. Pure. */
export function proxySettingsOf({ controlPlaneLoadBalancing, vrrp }: Settings): ProxySettings | null {
  return controlPlaneOf(controlPlaneLoadBalancing, vrrp)?.proxy ?? null;
}
