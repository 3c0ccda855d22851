/*
 * Defaults of a pool. The definition's descriptions name them; controller and sidecar apply them.
 */

/** Of a health check, in the kubelet's names. The host is the node itself. */
export const HEALTH_CHECK_DEFAULTS = {
  host: '127.0.0.1',
  path: '/',
  scheme: 'HTTP',
  periodSeconds: 2,
  timeoutSeconds: 1,
  failureThreshold: 2,
  successThreshold: 1,
} as const;

/** Of failback. */
export const FAILBACK_DEFAULTS = { enabled: true, delaySeconds: 30 } as const;

/** Port of the control plane's ingress, as in MetalK8s. */
export const CONTROL_PLANE_INGRESS_PORT = 8443;

/** Of what a pool gives to Services; `retainSeconds` is a day. */
export const SERVICES_DEFAULTS = {
  autoAssign: true,
  disabled: false,
  priority: 100,
  fence: false,
  sharing: 'SameNamespace',
  health: 'Endpoints',
  retainSeconds: 86_400,
} as const;
