import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execInContainer, isRunning, pidsInside } from '../support/container.ts';
import { PARTS, placeInImage, supervisorFiles } from '../support/image-root.ts';
import { isAlive, processRef } from '../support/processes.ts';
import { Program } from '../support/program.ts';
import { BOTH, config, FIRST, GOOD, RUNTIME_DIR, SECOND } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';
import { AS_PID_1, type TestNode, UNDER_TINI } from './supervisor/node.ts';

const BAD = config({ addresses: [FIRST], priority: 'high' });

const skip = mustSkipSupervisor('the supervisor with the real keepalived');

/** How often keepalived has reloaded. */
const reloads = (node: TestNode): number => node.logged('Reload complete');

describe.skipIf(skip)('the supervisor of keepalived', () => {
  const network = new TestNetwork();
  network.register();

  describe('starts keepalived', () => {
    it('only with a valid configuration', async () => {
      const node = await network.node();
      const container = await node.startIdle();
      expect((await node.run(container, 'check')).exitCode).toBe(0);

      node.offer(BAD);
      await node.until('refuses', () => node.status.result === 'rejected');
      expect(node.status).toMatchObject({ keepalivedPid: undefined, runningSha256: '', rejectedTotal: 1 });
      expect(node.status.messages.join('\n')).toMatch(/candidate\.conf: Line \d+\) invalid number 'high'/);
      expect(node.log).toContain('refused the candidate: keepalived is not started');
      expect(node.log).not.toContain('Starting Keepalived');

      node.offer(GOOD);
      await node.until('serves', () => node.has(FIRST));
      expect(node.status).toMatchObject({ result: 'accepted', exitCode: 0, acceptedTotal: 1, rejectedTotal: 1 });
      expect(node.status.runningSha256).toBe(node.status.candidateSha256);
      expect(node.status.keepalivedVersion).toMatch(/^2\.\d+\.\d+/);
      expect((await node.run(container, 'check')).exitCode).toBe(0);
    });

    it('with a candidate that was there before the supervisor', async () => {
      const node = await network.node();
      await node.serve(GOOD, { address: FIRST });
      expect(node.status.result).toBe('accepted');
    });

    it('with a candidate that nobody announced', async () => {
      const node = await network.node();
      await node.startIdle({ looks: 'as shipped' });
      node.place('candidate.conf', GOOD);
      await node.until('serves', () => node.has(FIRST));
    });

    it('with what ran before, when the container starts anew beside an invalid candidate', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST });
      process.kill(container.insidePid, 'SIGKILL');
      await node.untilEnded(container);
      node.offer(BAD);
      await node.start();
      await node.until('goes on', () => node.log.includes('going on with the configuration that ran before'));
      await node.until('serves', () => node.logged('Entering MASTER STATE') === 2);
      expect(node.status.result).toBe('rejected');
      expect(node.status.messages.join()).toContain('invalid number');
      expect(node.read(join(node.runtime, 'keepalived.conf'))).toBe(GOOD);
    });
  });

  describe.each([
    ['under tini', UNDER_TINI],
    ['as process 1', AS_PID_1],
    ['below a shell', ['/bin/sh', '-c', 'supervisor run & wait'] as [string, ...string[]]],
  ])('runs %s', (_form, argv) => {
    it('on a read-only root file system with only NET_ADMIN, NET_RAW and SYS_NICE', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST, argv });
      const vrrp = readFileSync(`/proc/${node.vrrpPid(container)}/status`, 'utf8');
      // linux/capability.h: NET_ADMIN 12, NET_RAW 13, SYS_NICE 23.
      const mask = (2n ** 12n + 2n ** 13n + 2n ** 23n).toString(16).padStart(16, '0');
      expect(vrrp).toMatch(new RegExp(`^CapEff:\\s${mask}$`, 'm'));
      expect(vrrp).toMatch(new RegExp(`^CapBnd:\\s${mask}$`, 'm'));
      expect(vrrp).toMatch(/^NoNewPrivs:\s1$/m);
      const touch = await execInContainer(container, { argv: ['/bin/touch', '/usr/local/bin/new'] });
      expect(touch.stderr).toContain('Read-only file system');
      expect(await node.has(FIRST)).toBe(true);
    });
  });

  it.each([['common/exchange.sh'], ['keepalived/repair.sh'], ['keepalived/statements.awk']])(
    'does nothing without its part %s, and looks for it neither in PATH nor in its working directory',
    async (missing) => {
      const node = await network.node();
      const incomplete = join(node.state, 'incomplete');
      const [, ...parts] = supervisorFiles();
      for (const file of parts) {
        const copy = join(incomplete, relative(PARTS, placeInImage(file)));
        mkdirSync(dirname(copy), { recursive: true });
        copyFileSync(file, copy);
      }
      cpSync(incomplete, join(node.state, 'complete'), { recursive: true });
      rmSync(join(incomplete, missing));
      await node.start({
        argv: [
          '/bin/sh',
          '-c',
          `cd /complete/${dirname(missing)}; PATH=$PWD:$PATH supervisor run; echo "code $?"; exec sleep 60`,
        ],
        binds: [
          { host: join(node.state, 'complete'), container: '/complete', readOnly: true },
          { host: incomplete, container: PARTS, readOnly: true },
        ],
      });
      await node.until('ends', () => node.log.includes('code 72\n'));
      expect(node.log).toContain(`supervisor: cannot read ${PARTS}/${missing}, a part of it`);
      expect(readdirSync(node.runtime)).toEqual([]);
    },
  );

  it('gives keepalived real-time scheduling that a reload does not turn into its death', async () => {
    const node = await network.node();
    const container = await node.serve(config({ addresses: [FIRST], advertSeconds: 0.01 }), { address: FIRST });
    node.offer(config({ addresses: [FIRST, SECOND], advertSeconds: 0.01 }));
    await node.until('reloads', () => reloads(node) === 1);
    const vrrp = node.vrrpPid(container);
    expect(execFileSync('chrt', ['-p', String(vrrp)], { encoding: 'utf8' })).toMatch(/SCHED_RR[\s\S]*priority: 50/);
    // 0 here is a death sentence: the kernel kills it at the next tick that finds it running.
    expect(readFileSync(`/proc/${vrrp}/limits`, 'utf8')).toMatch(/Max realtime timeout\s+500000\s+900000/);
  });

  describe('given a new candidate', () => {
    it('refuses an invalid one and keeps serving', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST });
      const [keepalived, vrrp] = [node.keepalivedPid(container), node.vrrpPid(container)];
      const changes = await node.watchAddresses();
      const running = node.status.runningSha256;
      node.offer(BAD);
      await node.until('refuses', () => node.status.result === 'rejected');
      expect(node.status).toMatchObject({ exitCode: 5, runningSha256: running, rejectedTotal: 1, acceptedTotal: 1 });
      expect(node.status.messages[0]).toContain("invalid number 'high'");
      expect(node.log).toMatch(/level=error .*refused the candidate: keepalived goes on .*invalid number 'high'/);
      expect([node.keepalivedPid(container), node.vrrpPid(container)]).toEqual([keepalived, vrrp]);
      expect(node.read(join(node.runtime, 'keepalived.conf'))).toBe(GOOD);
      expect(reloads(node)).toBe(0);
      expect(await node.has(FIRST)).toBe(true);
      expect(await changes()).toEqual([]);
    });

    it('refuses one for an interface that is missing, and takes it when the interface comes', async () => {
      const node = await network.node();
      await node.start({ looks: 'often' });
      node.offer(config({ addresses: [FIRST], device: 'vlan7' }));
      await node.until('refuses', () => node.status.result === 'rejected');
      expect(node.status.messages.join()).toContain("vlan7 for vrrp_instance vip doesn't exist");
      execFileSync('ip', ['-n', node.netns, 'link', 'add', 'vlan7', 'type', 'bridge']);
      execFileSync('ip', ['-n', node.netns, 'link', 'set', 'vlan7', 'up']);
      await node.until('takes it', () => node.status.result === 'accepted');
      expect(node.status.rejectedTotal).toBe(1);
    });

    it('says what to do about one that it may not read', async () => {
      const node = await network.node();
      await node.serve(GOOD, { address: FIRST });
      node.offer(BOTH, 0o600);
      await node.until('refuses', () => node.status.result === 'rejected');
      expect(node.status.messages.join()).toContain('Permission denied');
      node.offer(BOTH);
      await node.until('takes it', () => node.has(SECOND));
    });

    it('reloads without losing an address', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST });
      const [keepalived, vrrp] = [node.keepalivedPid(container), node.vrrpPid(container)];
      const changes = await node.watchAddresses();
      node.offer(BOTH);
      await node.until('has the new address', () => node.has(SECOND));
      node.offer(GOOD);
      await node.until('has dropped it', async () => !(await node.has(SECOND)));
      await node.until('has reloaded twice', () => reloads(node) === 2);
      expect([node.keepalivedPid(container), node.vrrpPid(container)]).toEqual([keepalived, vrrp]);
      expect(await changes()).toEqual([`+${SECOND}`, `-${SECOND}`]);
      expect(node.log.match(/Entering \w+ STATE/g)).toEqual(['Entering BACKUP STATE', 'Entering MASTER STATE']);
    });

    it('does not reload for the one that runs already', async () => {
      const node = await network.node();
      await node.serve(GOOD, { address: FIRST });
      node.offer(GOOD);
      node.offer(BAD);
      await node.until('refuses', () => node.status.result === 'rejected');
      node.offer(GOOD);
      await node.until('accepts', () => node.status.result === 'accepted');
      expect(node.log).toContain('the candidate is what runs already');
      expect(reloads(node)).toBe(0);
    });

    it('keeps the list of addresses ahead of keepalived, and reduces it only after the reload', async () => {
      const node = await network.node();
      await node.serve(BOTH, { address: SECOND, looks: 'often' });
      expect(node.listed).toEqual([`eth0 ${FIRST}/24`, `eth0 ${SECOND}/24`]);
      node.offer(GOOD);
      await node.until('has dropped it', async () => !(await node.has(SECOND)));
      await node.until('forgets it', () => node.listed.join() === `eth0 ${FIRST}/24`);
      const reloaded = Date.parse(/time=(\S+) .*reloaded keepalived/.exec(node.log)?.[1] ?? '');
      expect(statSync(join(node.state, 'addresses')).mtimeMs - reloaded).toBeGreaterThan(1_000);
      expect(node.log).not.toContain('was left on the interface');
      expect(await node.has(FIRST)).toBe(true);
    });

    it('does not lose one that arrives while another is being tested', async () => {
      const node = await network.node();
      // A keepalived that says when it begins to test, and does so when it is told to go on.
      const slow = join(node.state, 'slow-keepalived');
      const tests = `echo >>${RUNTIME_DIR}/testing; until [ -e ${RUNTIME_DIR}/go-on ]; do sleep 0.02; done`;
      writeFileSync(slow, `#!/bin/sh\n[ "$1" != -t ] || { ${tests}; }\nexec keepalived "$@"\n`, { mode: 0o755 });
      const started = (): number => node.read(join(node.runtime, 'testing')).length;
      await node.start({
        binds: [{ host: slow, container: '/usr/local/bin/slow-keepalived', readOnly: true }],
        env: { KEEPALIVED: 'slow-keepalived' },
      });
      node.offer(BAD);
      await node.until('is testing the first', () => started() === 1);
      node.offer(GOOD);
      node.offer(BOTH);
      node.place('go-on', '');
      await node.until('takes the last', () => node.has(SECOND));
      expect(started()).toBe(2);
      expect(node.read(join(node.runtime, 'keepalived.conf'))).toBe(BOTH);
    });

    it('reloads a keepalived that takes long to start when it has started, for until then the signal would end it', async () => {
      const node = await network.node();
      const slow = join(node.state, 'slow-keepalived');
      const begins = `echo >${RUNTIME_DIR}/starting; until [ -e ${RUNTIME_DIR}/go-on ]; do sleep 0.02; done`;
      writeFileSync(slow, `#!/bin/sh\n[ "$1" != --vrrp ] || { ${begins}; }\nexec keepalived "$@"\n`, { mode: 0o755 });
      const container = await node.start({
        binds: [{ host: slow, container: '/usr/local/bin/slow-keepalived', readOnly: true }],
        env: { KEEPALIVED: 'slow-keepalived' },
        looks: 'often',
      });
      node.offer(GOOD);
      await node.until('starts keepalived', () => node.read(join(node.runtime, 'starting')) !== '');
      node.offer(BOTH);
      await node.until('has put it in place', () => node.status.acceptedTotal === 2);
      // It answers to the next one when it has given up waiting for keepalived.
      node.offer(BAD);
      await node.until('goes on', () => node.status.result === 'rejected');
      expect(isRunning(container)).toBe(true);
      expect(reloads(node)).toBe(0);
      node.place('go-on', '');
      await node.until('reloads', () => reloads(node) === 1);
      await node.until('has both', () => node.has(SECOND));
    });

    it('ends up with the last of many in a row', async () => {
      const node = await network.node();
      await node.serve(GOOD, { address: FIRST });
      for (let index = 0; index < 10; index += 1) {
        node.offer(config({ addresses: [FIRST], head: `# ${index}\n` }));
      }
      node.offer(BOTH);
      await node.until('takes the last', () => node.has(SECOND));
      expect(await node.has(FIRST)).toBe(true);
    });
  });

  describe('taking the sidecar’s pulse', () => {
    const PORT = 10270;
    const pulsed = config({ addresses: [FIRST], head: `#! pulse vip.pulse -200 http://127.0.0.1:${PORT}/pulse\n` });

    it('lets a node serve last while the sidecar is silent', async () => {
      const node = await network.node();
      await node.serve(pulsed, { address: FIRST });
      const pulse = (): string => node.read(join(node.runtime, 'track/vip.pulse'));
      await node.until('serves last', () => pulse() === '-200\n');
      // From the whole one: the file had 0 when keepalived began.
      await node.until('has the lower priority', () => node.log.includes('Changing effective priority from 244 to 44'));
      expect(await node.has(FIRST)).toBe(true);

      // A sidecar that has just started knows nothing: its first answers are 503.
      const answers = `let n = 0; require('http').createServer((q, r) => {
        n += 1; console.log(n); r.writeHead(n < 3 ? 503 : 200).end(); }).listen(${PORT}, '127.0.0.1')`;
      const args = [`--net=/run/netns/${node.netns}`, process.execPath, '-e', answers];
      const server = new Program('the server', spawn('nsenter', args));
      const served = server.until('the node serves as before', () => pulse() === '0\n');
      await served.finally(() => server.stop());
      expect(server.output).toMatch(/^1\n2\n3\n/);
    });
  });

  describe('check', () => {
    it('fails when keepalived is stopped, so that the pod is restarted', async () => {
      const node = await network.node();
      const container = await node.serve(GOOD, { address: FIRST });
      expect((await node.run(container, 'check')).exitCode).toBe(0);
      for (const pid of [node.vrrpPid(container), node.keepalivedPid(container)]) {
        process.kill(pid, 'SIGSTOP');
        const check = await node.run(container, 'check');
        process.kill(pid, 'SIGCONT');
        expect([check.exitCode, check.stdout]).toEqual([1, expect.stringMatching(/keepalived.* does not run/)]);
      }
    });
  });

  it('leaves no process of its own outside the container’s process tree', async () => {
    const node = await network.node();
    const container = await node.serve(GOOD, { address: FIRST });
    const before = pidsInside(container).map(({ host }) => processRef(host));
    expect(before.length).toBeGreaterThan(4);
    process.kill(container.insidePid, 'SIGTERM');
    await node.untilEnded(container);
    await node.until('leaves nothing', () => !before.some(isAlive));
  });
});
