import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { Program } from '../support/program.ts';
import { FIRST, GOOD, RUNTIME_DIR } from './supervisor/config.ts';
import { TestNetwork } from './supervisor/network.ts';
import { type StartOptions, type TestNode, UNDER_TINI } from './supervisor/node.ts';

/** Nobody else's, for inotify instances are counted per user. */
const UID = 64_917;
const GIVEN = ['+net_admin', '+net_raw', '+sys_nice'].join(',');
/** Keepalived's time to begin to watch, by the supervisor's count, and some looks. */
const COMPLAINT_MS = 9000;
/** The entry point as another user who keeps the capabilities. */
const AS_ANOTHER_USER: readonly [string, ...string[]] = [
  '/usr/bin/setpriv',
  ...[`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', `--inh-caps=${GIVEN}`, `--ambient-caps=${GIVEN}`],
  ...UNDER_TINI,
];
const STARTED: StartOptions = { argv: AS_ANOTHER_USER, capabilities: ['SETUID', 'SETGID'], looks: 'often' };
/** Takes all inotify instances of a user, says so, and keeps them as long as it runs. */
const TAKE_ALL = `
import ctypes, os, resource, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
os.setgid(${UID})
os.setuid(${UID})
libc = ctypes.CDLL(None)
while libc.inotify_init1(0) >= 0: pass
print("taken", flush=True)
sys.stdin.read()
`;

const GATE = `track_file vip_gate {
    file ${RUNTIME_DIR}/track/vip.gate
    weight 0 reverse
}
`;
const WITH_GATE = GOOD.replace('track_file vip_pulse {', `${GATE}track_file vip_pulse {`).replace(
  '    track_file {\n',
  '    track_file {\n        vip_gate\n',
);

const skip = mustSkip('keepalived without inotify', [canMakeNamespaces, command('mmdebstrap'), command('python3')]);

describe.skipIf(skip)('a node without inotify instances', () => {
  const network = new TestNetwork();
  network.register();
  let taker: Program | undefined;

  afterEach(() => taker?.stop());

  async function takeAll(): Promise<void> {
    const started = new Program('the taker', spawn('python3', ['-c', TAKE_ALL], { stdio: ['pipe', 'pipe', 'pipe'] }));
    taker = started;
    await started.until('taken', () => started.output.includes('taken'));
  }

  /** A node with an open gate, that another user than root can write to. */
  async function healthyNode(): Promise<TestNode> {
    const node = await network.node();
    chmodSync(node.state, 0o777);
    mkdirSync(join(node.runtime, 'track'));
    chmodSync(join(node.runtime, 'track'), 0o777);
    writeFileSync(join(node.runtime, 'track/vip.gate'), '1\n');
    return node;
  }

  it('says what is missing, and holds the address as soon as there are some again', async () => {
    await takeAll();
    const node = await healthyNode();
    node.offer(WITH_GATE);
    await node.start(STARTED);
    const said = 'keepalived cannot watch its track files';
    await node.until('says what is missing', () => node.log.includes(said));
    expect(node.log).toContain('raise fs.inotify.max_user_instances on this node');
    expect(await node.has(FIRST)).toBe(false);

    await taker?.stop();
    await node.until('serves', () => node.has(FIRST));
    await node.until('is content', () => node.log.includes('keepalived watches its track files again'));
  });

  it('is not what the supervisor takes a node for that has them', async () => {
    const node = await healthyNode();
    await node.serve(WITH_GATE, { ...STARTED, address: FIRST });
    await delay(COMPLAINT_MS); // the time is what is asked for: by then it would have complained
    expect(node.log).not.toContain('cannot watch');
  });
});
