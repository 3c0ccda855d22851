/** By which the API server knows whose fields are whose (https://kubernetes.io/docs/reference/using-api/server-side-apply/). */
export const FIELD_MANAGER = 'keepalived-ingress-vip-controller';
