/**
 * Whether the API server says that its definition of an object does not have a field. It answers such a server-side apply with 500, so that
 * only its words tell (managedfields/internal/structuredmerge.go in k8s.io/apimachinery, and typed/validate.go in
 * sigs.k8s.io/structured-merge-diff). Of several such fields it may name one only. Pure.
 * @param field e.g. `.spec.spares`; of a list's items `.spec.loopback[].elected`
 */
export function saysUndeclared(message: string, field: string): boolean {
  return message.replaceAll(/\[[0-9]+\]/g, '[]').includes(` ${field}: field not declared in schema`);
}
