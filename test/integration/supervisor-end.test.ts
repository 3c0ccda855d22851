import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { killContainer, signalContainer } from '../support/container.ts';
import { BOTH, config, FIRST, GOOD, RUNTIME_DIR, SECOND } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';
import { AS_PID_1, UNDER_TINI } from './supervisor/node.ts';

const skip = mustSkipSupervisor('the end of keepalived under the supervisor');

describe.skipIf(skip)('the supervisor of keepalived', () => {
  const network = new TestNetwork();
  network.register();

  describe.each([
    ['under tini', UNDER_TINI],
    ['as process 1', AS_PID_1],
  ])('ended by SIGTERM %s', (_form, argv) => {
    it('sends the priority-0 advertisement and leaves no address', async () => {
      const [node, backup] = [await network.node(), await network.node()];
      const container = await node.serve(BOTH, { address: SECOND, argv });
      // Who hears nothing more waits for three advertisements: longer than anything here has a limit.
      const slowAdverts = { addresses: [FIRST, SECOND], advertSeconds: 10 };
      node.offer(config(slowAdverts));
      await node.until('advertises seldom', () => node.logged('Reload complete') === 1);
      // A keepalived that logs in detail is the witness.
      const text = config({ ...slowAdverts, priority: 243 });
      backup.place('keepalived.conf', text);
      const pids = ['-p', '/tmp/k', '-r', '/tmp/v', '-c', '/tmp/c', '-b', '/tmp/b'];
      await backup.start({
        argv: ['/usr/sbin/keepalived', '--vrrp', '-n', '-l', '-D', '-f', `${RUNTIME_DIR}/keepalived.conf`, ...pids],
      });
      await backup.until('is backup', () => backup.log.includes('Entering BACKUP STATE'));
      signalContainer(container, 'SIGTERM');
      await backup.until('takes over', () => backup.has(SECOND));
      expect(backup.log).toContain('Backup received priority 0 advertisement');
      await node.untilEnded(container);
      expect([await node.has(FIRST), await node.has(SECOND)]).toEqual([false, false]);
      expect(node.log).toContain('Stopped Keepalived');
      expect(node.log).not.toContain('was left on the interface');
      expect(node.listed).toEqual([]);
      expect(node.status.keepalivedPid).toBeUndefined();
    });
  });

  it('ends in time even when keepalived hangs, and still leaves no address', async () => {
    const node = await network.node();
    const container = await node.serve(GOOD, { address: FIRST });
    process.kill(node.vrrpPid(container), 'SIGSTOP');
    process.kill(node.keepalivedPid(container), 'SIGSTOP');
    signalContainer(container, 'SIGTERM');
    await node.until('can make use of the second signal', () => node.log.includes('stopping keepalived'));
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
    expect(await node.has(FIRST)).toBe(false);
    expect(node.log).toContain('removed an address that was left on the interface');
  });

  it('ends by SIGTERM while it still waits for a configuration', async () => {
    const node = await network.node();
    const container = await node.startIdle({ argv: AS_PID_1 });
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
  });

  describe('after keepalived died by itself', () => {
    it('waits for its VRRP process, cleans up and ends, so that the pod is restarted', async () => {
      const node = await network.node();
      const container = await node.serve(BOTH, { address: SECOND });
      const [keepalived, vrrp] = [node.keepalivedPid(container), node.vrrpPid(container)];
      process.kill(vrrp, 'SIGSTOP'); // so that it is not faster than the supervisor's look
      process.kill(keepalived, 'SIGKILL');
      await node.until('is noticed', () => /keepalived ended by itself: .* exit_code="137"/.test(node.log));
      process.kill(vrrp, 'SIGCONT');
      await node.untilEnded(container);
      expect(node.log).not.toContain('was left on the interface');
      expect([await node.has(FIRST), await node.has(SECOND)]).toEqual([false, false]);
      expect(node.listed).toEqual([]);
    });

    it('removes what both of its killed processes left', async () => {
      const node = await network.node();
      const container = await node.serve(BOTH, { address: SECOND });
      const [keepalived, vrrp] = [node.keepalivedPid(container), node.vrrpPid(container)];
      process.kill(keepalived, 'SIGSTOP'); // or it would start the other one anew
      process.kill(vrrp, 'SIGKILL');
      process.kill(keepalived, 'SIGKILL');
      await node.untilEnded(container);
      expect(node.log).toContain(`removed an address that was left on the interface" address="${FIRST}/24"`);
      expect([await node.has(FIRST), await node.has(SECOND)]).toEqual([false, false]);
    });
  });

  describe('after a predecessor was killed with all it had', () => {
    it('removes the stranded addresses before it has any configuration', async () => {
      const node = await network.node();
      await killContainer(await node.serve(BOTH, { address: SECOND }));
      expect([await node.has(FIRST), await node.has(SECOND)]).toEqual([true, true]);
      node.forgetRuntime();
      await node.start();
      await node.until('has removed them', async () => !(await node.has(FIRST)) && !(await node.has(SECOND)));
      await node.until('has struck them off its list', () => node.listed.length === 0);
      expect(await node.has(node.address)).toBe(true);
    });

    it('removes the one that is no longer configured, and serves the other', async () => {
      const node = await network.node();
      await killContainer(await node.serve(BOTH, { address: SECOND }));
      node.forgetRuntime();
      node.offer(GOOD);
      await node.start();
      await node.until('serves', async () => node.logged('Entering MASTER STATE') === 2 && (await node.has(FIRST)));
      expect(node.log).toContain(`removed an address that was left on the interface" address="${SECOND}/24"`);
      expect([await node.has(FIRST), await node.has(SECOND)]).toEqual([true, false]);
    });

    it('leaves an address alone that somebody else gave the interface', async () => {
      const node = await network.node();
      await killContainer(await node.serve(GOOD, { address: FIRST }));
      execFileSync('ip', ['-n', node.netns, 'address', 'delete', `${FIRST}/24`, 'dev', 'eth0']);
      execFileSync('ip', ['-n', node.netns, 'address', 'add', `${FIRST}/32`, 'dev', 'eth0']);
      node.forgetRuntime();
      await node.startIdle();
      expect(await node.has(FIRST)).toBe(true);
      expect(node.log).not.toContain('cannot remove');
      expect(node.listed).toEqual([]);
    });

    it('waits for a predecessor that is still about, as in an update, and does not touch its addresses', async () => {
      const node = await network.node();
      const first = await node.serve(GOOD, { address: FIRST });
      const successor = await node.start({
        binds: [{ host: node.otherRuntime(), container: RUNTIME_DIR, readOnly: false }],
      });
      await node.until('waits', () => node.log.includes('another supervisor runs on this node'));
      expect(await node.has(FIRST)).toBe(true);
      signalContainer(first, 'SIGTERM');
      await node.untilEnded(first);
      await node.until('goes on', () => node.log.includes('waiting for a valid configuration'));
      signalContainer(successor, 'SIGTERM');
      await node.untilEnded(successor);
    });
  });

  describe('drain', () => {
    it('asks the sidecar and waits for its answer', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST });
      node.place('drained', 'stale\n');
      const draining = node.run(container, 'drain');
      await node.until('asks', () => existsSync(join(node.runtime, 'drain')));
      node.place('drained', 'moved\n');
      const { exitCode, stdout } = await draining;
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining('msg="drained" answer="moved"')]);
    });

    it('waits no longer than DRAIN_TIMEOUT_SECONDS for a sidecar that does not answer', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST });
      const started = performance.now();
      const { exitCode, stdout } = await node.run(container, 'drain', { DRAIN_TIMEOUT_SECONDS: '1' });
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining('did not answer in time')]);
      // Less than what it waits when nobody says how long.
      expect(performance.now() - started).toBeLessThan(9_000);
    });

    it('does not wait when keepalived does not run', async () => {
      const node = await network.node();
      const container = await node.startIdle();
      const { exitCode, stdout } = await node.run(container, 'drain');
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining('nothing to drain')]);
    });

    it('is forgotten by the next start', async () => {
      const node = await network.node();
      node.place('drain', '');
      node.place('drained', 'moved\n');
      await node.serve(GOOD, { address: FIRST });
      expect([existsSync(join(node.runtime, 'drain')), existsSync(join(node.runtime, 'drained'))]).toEqual([
        false,
        false,
      ]);
    });
  });
});
