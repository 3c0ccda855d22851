import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Program } from './program.ts';

const LIMIT = { limitMs: 10_000, everyMs: 5 };

function start(script: string): Program {
  return new Program(
    'the test’s program',
    spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
}

describe('a program that a test has started', () => {
  it('is waited for until it does what is asked', async () => {
    const program = start('console.log("ready"); setInterval(() => undefined, 1000)');
    await program.until('its first word', () => program.output.includes('ready'), LIMIT);
    await program.stop('SIGTERM');
    expect(await program.closed).toBeNull();
  });

  it('says at once how it ended, and its last words, when it ends before', async () => {
    const startedMs = performance.now();
    const program = start('console.error("the port is taken"); process.exit(3)');
    await expect(program.until('the first gate', () => false, LIMIT)).rejects.toThrow(
      /^the test’s program ended \(exit 3\) before the first gate; its last words:\nthe port is taken$/,
    );
    expect(performance.now() - startedMs).toBeLessThan(LIMIT.limitMs);
  });

  it('says what it said when it does not do it in time', async () => {
    const program = start('console.log("still looking"); setInterval(() => undefined, 1000)');
    await program.until('its first word', () => program.output !== '', LIMIT);
    await expect(program.until('its end', () => false, { limitMs: 20, everyMs: 5 })).rejects.toThrow(
      /its end after 20 ms: the test’s program runs; its last words:\nstill looking$/,
    );
    await program.stop();
  });

  it('is waited for until an expectation holds, and both are told where it does not', async () => {
    const program = start('console.log("one"); setTimeout(() => { console.log("two"); process.exit(1); }, 100)');
    await program.untilHolds(() => expect(program.output).toContain('one'), LIMIT);
    await expect(program.untilHolds(() => expect(program.output).toBe('three'), LIMIT)).rejects.toThrow(
      /to be 'three'.*ended \(exit 1\) before what is expected of it; its last words:\none\ntwo$/s,
    );
  });

  it('says that it could not be started', async () => {
    const program = new Program('nothing', spawn('/no/such/program', { stdio: ['ignore', 'pipe', 'pipe'] }));
    await expect(program.until('a word', () => false, LIMIT)).rejects.toThrow('nothing could not be started: spawn');
    await program.stop();
  });
});
