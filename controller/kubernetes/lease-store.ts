/** A Lease, as far as an election needs it (https://kubernetes.io/docs/concepts/architecture/leases/). */
export interface LeaseRecord {
  /** Who holds it; empty: nobody. */
  readonly holder: string;
  readonly durationSeconds: number;
  /** When its holder took it and renewed it last, by the holder's clock: to be read by people, never to be calculated with. */
  readonly acquireTime: string;
  readonly renewTime: string;
  /** How often the holder has changed. */
  readonly transitions: number;
  readonly resourceVersion: string;
}

/** Another has written the Lease since it was read, or has made or removed it. */
export class LeaseConflictError extends Error {
  readonly code = 'LEASE_CONFLICT';

  constructor(options?: ErrorOptions) {
    super('the lease was changed by another', options);
    this.name = 'LeaseConflictError';
  }
}

/** Where the Lease lies. */
export interface LeaseStore {
  /** The Lease as it is now; undefined where there is none. */
  read(): Promise<LeaseRecord | undefined>;
  /** Makes it. @throws {LeaseConflictError} when there is one by now */
  create(record: Omit<LeaseRecord, 'resourceVersion'>): Promise<LeaseRecord>;
  /** Writes it over the state that `record.resourceVersion` names. @throws {LeaseConflictError} when it is another by now */
  replace(record: LeaseRecord): Promise<LeaseRecord>;
}
