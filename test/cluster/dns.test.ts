import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { dnsManifest } from './dns.ts';
import { DNS_SERVICE_IP } from './plan.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: {
    readonly clusterIP?: string;
    readonly selector?: unknown;
    readonly template?: { metadata: object };
  };
}

it("the DNS answers where kubelets tell pods to ask, and is found by its pods' labels", () => {
  const objects = parseAllDocuments(dnsManifest()).map((document) => document.toJS() as Manifest);
  const of = (kind: string) => objects.find((object) => object.kind === kind);
  expect(of('Service')?.metadata).toMatchObject({ name: 'kube-dns', namespace: 'kube-system' });
  expect(of('Service')?.spec?.clusterIP).toBe(DNS_SERVICE_IP);
  expect(of('Deployment')?.spec?.template?.metadata).toEqual({ labels: of('Service')?.spec?.selector });
});
