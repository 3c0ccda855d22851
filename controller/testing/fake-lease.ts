import { LeaseConflictError, type LeaseRecord, type LeaseStore } from '../kubernetes/lease-store.ts';

/** A Lease in memory that several candidates share; it can be made to fail or to say nothing. */
export class FakeLease implements LeaseStore {
  record: LeaseRecord | undefined;
  /** What happens to requests. */
  mode: 'works' | 'fails' | 'hangs' = 'works';
  /** How often it was asked, by verb. */
  readonly requests = { read: 0, create: 0, replace: 0 };
  readonly #watchers: ((record: LeaseRecord | undefined) => void)[] = [];
  #version = 0;

  /** Tells of the present state, and of every later one. */
  watch(watcher: (record: LeaseRecord | undefined) => void): void {
    this.#watchers.push(watcher);
    watcher(this.record);
  }

  async read(): Promise<LeaseRecord | undefined> {
    this.requests.read += 1;
    await this.#answer();
    return this.record;
  }

  async create(record: Omit<LeaseRecord, 'resourceVersion'>): Promise<LeaseRecord> {
    this.requests.create += 1;
    await this.#answer();
    if (this.record !== undefined) throw new LeaseConflictError();
    return this.#store(record);
  }

  async replace(record: LeaseRecord): Promise<LeaseRecord> {
    this.requests.replace += 1;
    await this.#answer();
    if (this.record?.resourceVersion !== record.resourceVersion) throw new LeaseConflictError();
    return this.#store(record);
  }

  /** Puts an older state in place of the Lease, as when etcd was restored from a backup: versions begin again there. */
  restore(record: LeaseRecord): void {
    this.#version = Number(record.resourceVersion);
    this.record = record;
    for (const watcher of this.#watchers) watcher(record);
  }

  async #answer(): Promise<void> {
    if (this.mode === 'hangs') await new Promise(() => undefined);
    if (this.mode === 'fails') throw new Error('connect ECONNREFUSED 192.0.2.1:6443');
  }

  #store(record: Omit<LeaseRecord, 'resourceVersion'>): LeaseRecord {
    this.#version += 1;
    this.record = { ...record, resourceVersion: String(this.#version) };
    for (const watcher of this.#watchers) watcher(this.record);
    return this.record;
  }
}
