import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { systemClock, systemTimers } from '../../common/clock.ts';
import { ClusterLease, type PodIdentity } from '../kubernetes/cluster-lease.ts';
import { ServiceApi } from '../kubernetes/service-api.ts';
import { findInCluster, scaleDown } from './cluster.ts';
import { stopController } from './stop-controller.ts';
import { takeBack } from './take-back.ts';

/** A lost leader's Lease runs out in fifteen seconds. */
const STOP_LIMIT_MS = 60_000;
const TAKE_BACK_LIMIT_MS = 120_000;

/** What is asked for. */
export interface ReleaseRequest {
  /** The controller's Deployment, which is called as its Lease is. Absent: it goes on, without Services. */
  readonly stop?: { readonly namespace: string; readonly name: string };
  /** The pod that this is in. */
  readonly pod?: PodIdentity | undefined;
}

function sleep(milliseconds: number): Promise<void> {
  return delay(milliseconds);
}

/** Reads `NAMESPACE/NAME`. @throws Error when it is something else */
export function controllerNamed(text: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = '', ...more] = text.split('/');
  if (namespace === '' || name === '' || more.length > 0) {
    throw new Error(`--stop is "${text}"; give the controller's Deployment as NAMESPACE/NAME`);
  }
  return { namespace, name };
}

/**
 * Takes back all that Services have of a release, so that nothing keeps them, their addresses' objects or pools from going once there is no
 * controller any more.
 * @param say takes lines for people
 * @throws Error with what is left, and why
 */
export async function release(
  { stop, pod }: ReleaseRequest,
  { access, say }: { readonly access: KubeConfig; readonly say: (line: string) => void },
): Promise<void> {
  const common = { clock: systemClock, timers: systemTimers, sleep };
  let restart: (() => Promise<void>) | undefined;
  if (stop !== undefined) {
    const leases = new ClusterLease({ ...stop, pod }, { access });
    const stopping = { ...common, leases, scaleDown: () => scaleDown(access, stop) };
    restart = await stopController({ identity: pod?.name ?? 'release', limitMs: STOP_LIMIT_MS }, stopping);
    say(`Deployment ${stop.namespace}/${stop.name}: stopped`);
  }
  const writer = new ServiceApi({ access });
  try {
    await takeBack({ limitMs: TAKE_BACK_LIMIT_MS }, { ...common, writer, say, find: () => findInCluster(access) });
  } catch (error) {
    await restart?.();
    throw error;
  }
}
