/** A custom resource's object as the API server serves it: what is read of it. `Metadata`: what is read of the metadata of this kind alone. */
export interface ServedObject<Spec, Status, Metadata = unknown> {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
  } & Metadata;
  readonly spec: Spec;
  readonly status?: Status;
}
