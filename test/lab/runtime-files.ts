import { constants } from 'node:fs';
import { chown, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/* The pod's runtime directory, seen from outside: what the sidecar, the supervisor and keepalived tell each other. */

const REQUEST_FIFO = 'supervisor.request';
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

async function offer(runtime: string, content: string): Promise<void> {
  const temporary = join(runtime, `.${CANDIDATE}.lab`);
  const { uid, gid } = SIDECAR_OWNER;
  await writeFile(temporary, content, { mode: 0o644 });
  await chown(temporary, uid, gid);
  await rename(temporary, join(runtime, CANDIDATE));
  await request(runtime);
}

/** Files look as if the sidecar had written them. */
const SIDECAR_OWNER = { uid: 65532, gid: 65532 };

/** Tells the supervisor; an absent reader is no error, it looks at the candidate by itself sooner or later. */
async function request(runtime: string): Promise<void> {
  const fifo = await open(join(runtime, REQUEST_FIFO), constants.O_RDWR | constants.O_NONBLOCK).catch(() => undefined);
  if (fifo !== undefined) {
    await fifo.write('candidate\n');
    await fifo.close();
  }
}

/** Replaces the candidate by one that keepalived refuses, the way the sidecar replaces it. */
export async function offerBrokenCandidate(runtime: string): Promise<void> {
  const present = await readFile(join(runtime, CANDIDATE), 'utf8').catch(() => '');
  await writeFile(join(runtime, KEPT_CANDIDATE), present);
  await offer(runtime, present + BROKEN_CONFIG);
}

/** Offers the candidate of before again, unless the sidecar has offered a newer one meanwhile. */
export async function restoreCandidate(runtime: string): Promise<void> {
  const kept = join(runtime, KEPT_CANDIDATE);
  const [before, present] = await Promise.all([readFile(kept, 'utf8'), readFile(join(runtime, CANDIDATE), 'utf8')]);
  if (present === before + BROKEN_CONFIG) {
    await offer(runtime, before);
  }
  await rm(kept);
}

/** Takes a request to drain back, as a new pod finds it. */
export async function endDrain(runtime: string): Promise<void> {
  await rm(join(runtime, 'drain'), { force: true });
  await rm(join(runtime, 'drained'), { force: true });
}
