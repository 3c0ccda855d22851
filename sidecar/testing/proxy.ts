import { controlPlaneOf, controlPlaneSchema, type ProxySettings } from '../config/control-plane.ts';

const SECTION = {
  enabled: true,
  keepalived: { vrrpInstances: [{ virtualIPs: ['192.0.2.100/24'] }] },
};

/** What the settings ask of a proxy when nothing is said, for tests to change one thing of. */
export function defaultProxySettings(given: Partial<ProxySettings> = {}): ProxySettings {
  const asked = controlPlaneOf(controlPlaneSchema.parse(SECTION), { version: 3, advertIntervalSeconds: 0.1 });
  if (asked?.proxy == null) throw new Error('the settings ask for no proxy');
  return { ...asked.proxy, ...given };
}
