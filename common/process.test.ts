import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Program } from '../test/support/program.ts';

const URL_OF_IT = pathToFileURL(path.join(import.meta.dirname, 'process.ts')).href;

/** A program of a few lines, with all of `process.ts` and a log at hand, which goes to a pipe unless another file descriptor is given. */
function run(lines: string, stdout: 'pipe' | number = 'pipe') {
  const text = `const { fail, failToStart, openLog, stopOnSignal, surviveSystemErrors } = await import('${URL_OF_IT}');
    const log = openLog({ level: 'info', base: { node: 'n1' } });
    ${lines}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], { stdio: ['ignore', stdout, 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const program = new Program('the program', child);
  return { program, end: (signal: NodeJS.Signals) => child.kill(signal), closeOutput: () => child.stdout?.destroy() };
}

async function says(program: Program, pattern: RegExp): Promise<void> {
  await program.until(`it says ${pattern}`, () => pattern.test(program.output), { limitMs: 10_000 });
}

const FOR_EVER = 'setInterval(() => undefined, 1000);';

describe('a process', () => {
  it('ends in order on the first signal', async () => {
    const { program, end } = run(`${FOR_EVER}
      stopOnSignal(async (signal) => { log.info({ signal }, 'stopped'); });
      log.info('runs');`);
    await says(program, /"node":"n1".*runs/);
    end('SIGTERM');
    expect(await program.closed).toBe(0);
    expect(program.output).toMatch(/"signal":"SIGTERM".*stopped/);
  });

  it('ends at once on the second signal', async () => {
    const { program, end } = run(`${FOR_EVER}
      stopOnSignal(() => { log.info('stopping'); return new Promise(() => undefined); });
      log.info('runs');`);
    await says(program, /runs/);
    end('SIGINT');
    await says(program, /stopping/);
    end('SIGTERM');
    expect(await program.closed).toBe(1);
  });

  it('says why it could not end in order', async () => {
    const { program, end } = run(`${FOR_EVER}
      stopOnSignal(async () => { throw new Error('no way'); });
      log.info('runs');`);
    await says(program, /runs/);
    end('SIGTERM');
    expect(await program.closed).toBe(2);
    expect(program.output).toContain('stopping failed: Error: no way');
  });

  it('says why it cannot start, and which setting to change', async () => {
    const { program } = run(
      `failToStart(Object.assign(new Error('no port'), { code: 'EADDRINUSE' }), { ports: 'a.port' });`,
    );
    expect(await program.closed).toBe(2);
    expect(program.output).toBe('ERROR: no port; another process has the port: set a.port to a free one\n');
    const other = run(`failToStart(new Error('no file'), { ports: 'a.port' });`);
    expect(await other.program.closed).toBe(2);
    expect(other.program.output).toBe('ERROR: no file\n');
  });

  it('survives an error of the system that nothing waited for, and no other', async () => {
    const { program } = run(`${FOR_EVER}
      surviveSystemErrors(log);
      process.nextTick(() => { throw Object.assign(new Error('EMFILE'), { syscall: 'accept', code: 'EMFILE' }); });
      setTimeout(() => { throw new Error('a mistake'); }, 50);`);
    expect(await program.closed).toBe(1);
    expect(program.output).toMatch(/"level":50.*nothing waited for.*"level":60.*"a mistake".*an error of the program/s);
  });

  const BEATS = `let beats = 0;
    setInterval(() => log.info('x'.repeat(1000)), 5);
    setInterval(() => process.stderr.write(\`beat \${(beats += 1)} \`), 50);
    stopOnSignal(async () => undefined);`;
  const threeMoreBeats = async (program: Program) => {
    const lastBeat = () => Number(/.*beat (\d+) /s.exec(program.output)?.[1] ?? 0);
    const beat = lastBeat();
    await program.until('three more beats', () => lastBeat() >= beat + 3, { limitMs: 10_000 });
  };

  it('goes on when nobody reads its log', async () => {
    const { program, closeOutput, end } = run(BEATS);
    await says(program, /beat/);
    closeOutput();
    await threeMoreBeats(program);
    end('SIGTERM');
    expect(await program.closed).toBe(0);
  });

  it('goes on when the disk that has its log is full', async () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const { program, end } = run(BEATS, full);
    await threeMoreBeats(program);
    end('SIGTERM');
    expect(await program.closed).toBe(0);
  });
});
