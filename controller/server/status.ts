import type { ClusterView } from '../reconcile/cluster-view.ts';

/** What the controller knows at one moment. */
export interface ControllerSnapshot {
  readonly version: string;
  /** This replica. */
  readonly identity: string;
  readonly leading: boolean;
  /** Who leads; undefined: nobody, or it is not known. */
  readonly leader: string | undefined;
  readonly informers: readonly { readonly name: string; readonly synced: boolean; readonly connected: boolean }[];
  readonly view: ClusterView;
}

/** What keeps a replica from being ready; empty: nothing. Waiting for the lead is being ready. */
export function unreadiness({ informers }: ControllerSnapshot): string[] {
  return informers.filter(({ synced }) => !synced).map(({ name }) => `${name} are not listed yet`);
}

/** The body of `GET /status` and of each server-sent event. */
export function statusOf({ version, identity, leading, leader, informers, view }: ControllerSnapshot) {
  const disconnected = informers.filter(({ connected }) => !connected).map(({ name }) => name);
  return { version, replica: identity, leading, leader: leader ?? null, disconnected, ...view };
}
