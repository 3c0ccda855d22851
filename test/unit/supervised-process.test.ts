import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';

const PARTS = path.resolve(import.meta.dirname, '../../images/supervisor');
const LIMIT_MS = 10_000;
/** POLL_SECONDS of events.sh, and something to tell it by. */
const UNWOKEN_MS = 4_000;
const UNREADABLE = 66;
const MOST_BYTES = 4 * 1024 * 1024;

/** A supervisor of `sleep`, made of nothing but the parts for any process. What it refuses has the word "bad". */
const SUPERVISOR = `set -u
umask 022
readonly PROCESS=sleep
for part in log processes exchange lock events candidate status drain check; do
	. "${PARTS}/$part.sh"
done
process_pid='' version=1
examine() {
	code=0
	grep bad "$1" >"$SAID" && code=5
}
before_change() { echo "before: $(cat "$1")" >>"$RUNTIME_DIR/calls"; }
start_process() {
	sleep "$(cat "$RUNNING")" 3>&- 9>&- &
	process_pid=$!
	echo "$process_pid" >"$PID_DIR/sleep.pid"
}
reload_process() { echo "reload: $(cat "$RUNNING")" >>"$RUNTIME_DIR/calls"; }
more_status() { echo more=yes; }
check_children() { :; }
run() {
	make_exchange && take_lock || exit 73
	trap on_stop TERM
	trap on_child CHLD
	echo "$$" >"$PID_DIR/supervisor.pid"
	exec 3<>"$REQUESTS"
	check_candidate
	fall_back
	while :; do
		keep_reader
		[ "$stop_asked" -eq 0 ] || break
		[ -z "$process_pid" ] || alive "$process_pid" || break
		wait "$reader_pid"
		alive "$reader_pid" || check_candidate
	done
	wake
	[ -z "$process_pid" ] || end "$process_pid" 2
}
"$1"
`;

/** The name that a process runs under; empty when there is none. */
function nameOf(pid: string): string {
  return existsSync(`/proc/${pid}/comm`) ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : '';
}

describe('the parts for any supervised process', () => {
  let folder: string;
  let started: ChildProcess[];
  let log: string;

  const runtime = (name: string): string => path.join(folder, 'runtime', name);
  const read = (name: string): string => (existsSync(runtime(name)) ? readFileSync(runtime(name), 'utf8') : '');
  const until = (what: string, condition: () => boolean) =>
    waitFor(what, condition, { limitMs: LIMIT_MS, everyMs: 10 }, () => `${log}\n${read('supervisor.status')}`);
  const says = (line: string) => until(`says ${line}`, () => read('supervisor.status').split('\n').includes(line));

  function start(subcommand: string): ChildProcess {
    const env = {
      PATH: process.env.PATH,
      RUNTIME_DIR: path.join(folder, 'runtime'),
      STATE_DIR: path.join(folder, 'state'),
      DRAIN_TIMEOUT_SECONDS: '5',
    };
    const child = spawn('sh', [path.join(folder, 'supervisor'), subcommand], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
    }
    started.push(child);
    return child;
  }

  async function exitCode(child: ChildProcess): Promise<number | null> {
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  function request(): void {
    const fifo = openSync(runtime('supervisor.request'), constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fifo, 'candidate\n');
    closeSync(fifo);
  }

  function offer(text: string): void {
    writeFileSync(runtime('.offer'), text);
    renameSync(runtime('.offer'), runtime('candidate.conf'));
    if (existsSync(runtime('supervisor.request'))) request();
  }

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'supervised-'));
    mkdirSync(path.join(folder, 'runtime'));
    writeFileSync(path.join(folder, 'supervisor'), SUPERVISOR);
    started = [];
    log = '';
  });

  afterEach(async () => {
    for (const child of started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  it('check what is offered, put it in place, start the process and have it reload', async () => {
    offer('101');
    start('run');
    await says('result=accepted');
    await until('runs', () => /^sleep_pid=\d+$/m.test(read('supervisor.status')));
    offer('102');
    await says('accepted_total=2');
    await until('reloads', () => read('calls').includes('reload'));
    expect(read('sleep.conf')).toBe('102');
    expect(read('calls')).toBe('before: 101\nbefore: 102\nreload: 102\n');
    expect(read('supervisor.status')).toMatch(/^sleep_version=1$[\s\S]*^more=yes$/m);
  });

  it('refuse what the process’s own check does not like, say why, and keep what runs', async () => {
    offer('101');
    start('run');
    await says('result=accepted');
    offer('a bad one');
    await says('result=rejected');
    expect(read('supervisor.status')).toMatch(/^exit_code=5$[\s\S]*^rejected_total=1$[\s\S]*^message=a bad one$/m);
    expect(log).toContain('refused the candidate: sleep goes on with the configuration it has');
    expect(read('sleep.conf')).toBe('101');
  });

  it('refuse a link, whatever it leads to', async () => {
    writeFileSync(path.join(folder, 'elsewhere'), '101');
    symlinkSync(path.join(folder, 'elsewhere'), runtime('candidate.conf'));
    start('run');
    await says(`exit_code=${UNREADABLE}`);
    expect(existsSync(runtime('sleep.conf'))).toBe(false);
  });

  it('replace links that have the names of their files and folders, and write nothing where those lead to', async () => {
    const [file, place] = [path.join(folder, 'file'), path.join(folder, 'place')];
    writeFileSync(file, 'as it was');
    mkdirSync(place);
    offer('101');
    const links = {
      '.supervisor': place,
      pid: place,
      'supervisor.request': file,
      'supervisor.status': file,
      'sleep.conf': file,
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, runtime(name));
    start('run');
    await until('runs', () => /^sleep_pid=\d+$/m.test(read('supervisor.status')));
    expect(read('sleep.conf')).toBe('101');
    expect(Object.keys(links).filter((name) => lstatSync(runtime(name)).isSymbolicLink())).toEqual([]);
    expect([readFileSync(file, 'utf8'), readdirSync(place)]).toEqual(['as it was', []]);
  });

  it('refuse what is too large, and take the largest that is not', async () => {
    offer('1'.repeat(MOST_BYTES));
    start('run');
    await says(`exit_code=${UNREADABLE}`);
    expect(read('supervisor.status')).toMatch(/^message=candidate\.conf is larger than a configuration can be/m);
    offer('101'.padEnd(MOST_BYTES - 1));
    await says('result=accepted');
  });

  it('answer the liveness probe, and hand over before the end', async () => {
    offer('101');
    const supervisor = start('run');
    await says('result=accepted');
    await until('runs', () => nameOf(read('pid/sleep.pid').trim()) === 'sleep');
    expect(await exitCode(start('check'))).toBe(0);
    const drain = start('drain');
    await until('asks', () => existsSync(runtime('drain')));
    writeFileSync(runtime('drained'), 'moved\n');
    expect(await exitCode(drain)).toBe(0);
    expect(log).toContain('msg="drained" answer="moved"');
    supervisor.kill('SIGTERM');
    expect(await exitCode(supervisor)).toBe(0);
    expect(await exitCode(start('check'))).toBe(1);
  });

  it('ask nobody to hand over while the process does not run', async () => {
    const supervisor = start('run');
    await until('is ready', () => existsSync(runtime('supervisor.request')));
    expect(await exitCode(start('drain'))).toBe(0);
    expect(log).toContain('nothing to drain: sleep does not run');
    expect(existsSync(runtime('drain'))).toBe(false);
    supervisor.kill('SIGTERM');
    await exitCode(supervisor);
  });

  it('go on when a file cannot be written: a failing ":" or "true" would end the shell', async () => {
    offer('101');
    const supervisor = start('run');
    await until('runs', () => nameOf(read('pid/sleep.pid').trim()) === 'sleep');
    mkdirSync(runtime('.supervisor/drain'));
    expect(await exitCode(start('drain'))).toBe(0);
    expect(log).toContain('cannot ask the sidecar to drain: going on without');
    supervisor.kill('SIGTERM');
    await exitCode(supervisor);
  });

  it('say by their exit code that there can be no lock', async () => {
    mkdirSync(path.join(folder, 'state/lock'), { recursive: true });
    expect(await exitCode(start('run'))).toBe(73);
  });

  it('notice that the process has ended before they would look without being woken', async () => {
    offer('0.01');
    const supervisor = start('run');
    const late = setTimeout(() => supervisor.kill('SIGKILL'), UNWOKEN_MS);
    expect(await exitCode(supervisor)).toBe(0);
    clearTimeout(late);
  });

  it('wait for the end of a process as long as they are told, also when a second has just begun', async () => {
    const script = `. "$0/processes.sh"
until read -r up _ </proc/uptime && [ "\${up#*.0}" != "$up" ]; do sleep 0.01; done
hundredths
began=$hundredths
wait_for_end $$ 1
hundredths
echo $((hundredths - began))`;
    const child = spawn('sh', ['-c', script, PARTS]);
    let said = '';
    child.stdout.on('data', (data) => {
      said += data;
    });
    await once(child, 'close');
    expect(Number(said)).toBeGreaterThanOrEqual(100);
    expect(Number(said)).toBeLessThan(170);
  });
});
