import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signalContainer } from '../support/container.ts';
import { BOTH, config, FIRST, GOOD, SECOND } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';
import type { TestNode } from './supervisor/node.ts';

const skip = mustSkipSupervisor('the supervisor beside a sidecar that means harm');
const SIDECAR = ['--reuid=65532', '--regid=65532', '--clear-groups'];
const UNREADABLE = 66;
const SECRET = 'precious 0.0.0.0/0\n';
/** A file that only keepalived's container has, by its name there. */
const PRECIOUS = '/var/lib/keepalived-ingress-vip/precious';
const PULSED = config({ addresses: [FIRST], head: '#! pulse vip.pulse -200 http://127.0.0.1:10270/pulse\n' });
/** All names that the supervisor reads or writes in the runtime directory. */
const NAMES =
  '.supervisor pid track supervisor.request notify.fifo supervisor.status keepalived.conf keepalived.stats drain drained statistics.wanted states.wanted loopback'.split(
    ' ',
  );

/** Runs a script with the sidecar's rights in the runtime directory; gives what it prints. */
function asSidecar(node: TestNode, script: string): string {
  return execFileSync('setpriv', [...SIDECAR, 'sh', '-c', script], { cwd: node.runtime, encoding: 'utf8' });
}

describe.skipIf(skip)('a sidecar that was taken over', () => {
  const network = new TestNetwork();
  network.register();

  /** A node with a precious file; the supervisor does everything that it does beside what the sidecar has prepared. */
  async function wholeLife(prepare: (node: TestNode) => void): Promise<{ node: TestNode; state: string[] }> {
    const node = await network.node();
    writeFileSync(join(node.state, 'precious'), SECRET);
    prepare(node);
    node.offer(PULSED);
    const container = await node.start();
    await node.until('holds the address', () => node.has(FIRST));
    await node.until('takes the pulse', () => node.log.includes('the sidecar is silent'));
    const draining = node.run(container, 'drain', { DRAIN_TIMEOUT_SECONDS: '1' });
    expect((await draining).exitCode).toBe(0);
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
    expect(await node.has(FIRST)).toBe(false);
    expect(readFileSync(join(node.state, 'precious'), 'utf8')).toBe(SECRET);
    expect(node.log).not.toContain('precious');
    return { node, state: readdirSync(node.state).toSorted() };
  }

  it('cannot make the supervisor read or write elsewhere by a link, whatever name it has', async () => {
    const { node, state } = await wholeLife((each) => {
      asSidecar(each, NAMES.map((name) => `ln -s ${PRECIOUS} ${name}`).join('\n'));
    });
    expect(state).toEqual(['addresses', 'lock', 'precious']);
    expect(node.status.result).toBe('accepted');
  });

  it('cannot do so by a link to a folder, or to nothing', async () => {
    const { state } = await wholeLife((each) => {
      asSidecar(
        each,
        NAMES.map(
          (name, index) =>
            `ln -s ${index % 2 === 0 ? PRECIOUS : '/var/lib/keepalived-ingress-vip'}${index % 2 === 0 ? '-not' : ''} ${name}`,
        ).join('\n'),
      );
    });
    expect(state).toEqual(['addresses', 'lock', 'precious']);
  });

  it('cannot stop it by folders or FIFOs that have the names of its files', async () => {
    await wholeLife((each) => {
      const folders = NAMES.filter((name) => name !== 'track' && !name.endsWith('.wanted'));
      asSidecar(each, folders.map((name) => `mkdir ${name}; touch ${name}/x`).join('\n'));
    });
    await wholeLife((each) => {
      asSidecar(
        each,
        NAMES.filter((name) => name !== 'track')
          .map((name) => `mkfifo ${name}`)
          .join('\n'),
      );
    });
  });

  it('cannot have links in the track directory written through, even in one of its own', async () => {
    const { state } = await wholeLife((each) => {
      asSidecar(
        each,
        `mkdir -m 777 track; for name in vip.pulse .pulse.starter .pulse.watcher; do ln -s ${PRECIOUS} track/$name; done`,
      );
    });
    expect(state).toEqual(['addresses', 'lock', 'precious']);
  });

  it('cannot have the pulse written elsewhere by a link in place of a track directory of its own', async () => {
    const node = await network.node();
    asSidecar(node, 'mkdir -m 777 track');
    await node.serve(PULSED, { address: FIRST });
    asSidecar(node, 'mv track old && ln -s /var/lib/keepalived-ingress-vip track');
    const left = node.read(join(node.runtime, 'old/vip.pulse'));
    // What could not be put in place stays where it was made, and is made anew every second.
    const made = join(node.runtime, '.supervisor/pulse.watcher');
    const madeAt = (): number => statSync(made, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    await node.until('tries', () => madeAt() > 0);
    const first = madeAt();
    await node.until('has tried', () => madeAt() > first);
    expect(readdirSync(node.state).toSorted()).toEqual(['addresses', 'lock']);
    expect(node.read(join(node.runtime, 'old/vip.pulse'))).toBe(left);
  });

  it('cannot put a link in place of a track directory of the supervisor’s', async () => {
    const moved = await network.node();
    writeFileSync(join(moved.state, 'precious'), SECRET);
    await moved.serve(PULSED, { address: FIRST });
    asSidecar(moved, 'mv track old 2>/dev/null || :; ln -s /var/lib/keepalived-ingress-vip track 2>/dev/null || :');
    await moved.until('misses the pulse', () => moved.log.includes('the sidecar is silent'));
    expect(readdirSync(moved.state).toSorted()).toEqual(['addresses', 'lock', 'precious']);
  });

  it.each([
    ['a link', `ln -s ${PRECIOUS} candidate.conf`, UNREADABLE],
    ['a link to nothing', 'ln -s /nothing candidate.conf', UNREADABLE],
    ['a folder', 'mkdir candidate.conf', UNREADABLE],
    ['a FIFO', 'mkfifo candidate.conf', 78],
    ['an endless file', 'truncate -s 1T candidate.conf', UNREADABLE],
    ['a device', 'ln -s /dev/zero candidate.conf', UNREADABLE],
  ])('gets %s as a candidate refused, and what serves goes on', async (_what, script, code) => {
    const node = await network.node();
    writeFileSync(join(node.state, 'precious'), SECRET);
    await node.serve(GOOD, { address: FIRST });
    asSidecar(node, `cat candidate.conf >/dev/null`);
    execFileSync('rm', [join(node.runtime, 'candidate.conf')]);
    asSidecar(node, `${script}; echo >>supervisor.request`);
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.status.exitCode).toBe(code);
    expect(node.status.messages.join()).not.toContain('0.0.0.0');
    expect(await node.has(FIRST)).toBe(true);
    execFileSync('rm', ['-r', join(node.runtime, 'candidate.conf')]);
    node.offer(BOTH);
    await node.until('takes the next', () => node.has(SECOND));
  });

  it('cannot replace or change what is the supervisor’s', async () => {
    const node = await network.node();
    await node.serve(GOOD, { address: FIRST });
    const names = ['keepalived.conf', 'supervisor.status', 'supervisor.request', 'notify.fifo', 'pid', '.supervisor'];
    for (const name of names) {
      const attempts = `
        rm -rf ${name} 2>/dev/null; mv ${name} other 2>/dev/null
        [ -e other ] && echo moved ${name}; [ -e ${name} ] || echo removed ${name}; :`;
      expect(asSidecar(node, attempts)).toBe('');
    }
    expect(asSidecar(node, 'cat .supervisor/* keepalived.conf 2>/dev/null; echo x 2>/dev/null >pid/vrrp.pid; :')).toBe(
      '',
    );
  });

  it('cannot write lines of its own into the log', async () => {
    const node = await network.node();
    const container = await node.serve(GOOD, { address: FIRST });
    node.place('drained', 'moved\u001b[2J\u0007 "x" level=error\n');
    node.place('drain', '');
    const { stdout } = await node.run(container, 'drain');
    expect(stdout).toContain('answer="moved?[2J? \\"x\\" level=error"');
  });
});
