import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { offer } from '../support/runtime-directory.ts';

/* The pod's runtime directory, seen from outside: what the sidecar, the supervisor and keepalived tell each other. */

const CANDIDATE = 'candidate.conf';
/** Where the overwritten candidate is kept until the fault is healed. */
const KEPT_CANDIDATE = '.lab-kept-candidate.conf';

/** Something that no keepalived accepts, at the end of a configuration that it did accept. */
const BROKEN_CONFIG = `
# injected by the lab
vrrp_instance broken {
  state NONSENSE
  virtual_router_id 999
  no_such_keyword
}
`;

/** Volume of the pod that is mounted as the runtime directory. */
export const RUNTIME_VOLUME = 'runtime';

/** Replaces the candidate by one that keepalived refuses, the way the sidecar replaces it. */
export async function offerBrokenCandidate(runtime: string): Promise<void> {
  const present = await readFile(join(runtime, CANDIDATE), 'utf8').catch(() => '');
  await writeFile(join(runtime, KEPT_CANDIDATE), present);
  offer(runtime, present + BROKEN_CONFIG);
}

/** Offers the candidate of before again, unless the sidecar has offered a newer one meanwhile. */
export async function restoreCandidate(runtime: string): Promise<void> {
  const kept = join(runtime, KEPT_CANDIDATE);
  const [before, present] = await Promise.all([readFile(kept, 'utf8'), readFile(join(runtime, CANDIDATE), 'utf8')]);
  if (present === before + BROKEN_CONFIG) {
    offer(runtime, before);
  }
  await rm(kept);
}

/** Takes a request to drain back, as a new pod finds it. */
export async function endDrain(runtime: string): Promise<void> {
  await rm(join(runtime, 'drain'), { force: true });
  await rm(join(runtime, 'drained'), { force: true });
}
