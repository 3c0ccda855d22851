/** API group of the project's custom resources. */
export const API_GROUP = 'keepalived-ingress-vip.io';
/** The only version so far. */
export const API_VERSION = 'v1alpha1';
/** As objects name it. */
export const GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;
