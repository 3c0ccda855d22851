import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PART = path.resolve(import.meta.dirname, '../../images/proxy/lib/haproxy.sh');
const LIMIT_MS = 10_000;
const REFUSED = '[ALERT]    (8) : Starting proxy other: cannot bind socket (Address already in use) for [:::9345]';
const WORKER = '7 worker 0 0d00h00m01s 3.0.11';

/**
 * The part, with a master that is none: how it answers is said in files, a line for each time that it is asked: `reload`, `show-proc` and
 * `show-startup-logs`. What it is asked is written down.
 */
const SCRIPT = `set -u
RUNTIME_DIR=$2 PRIVATE=$2 RUNNING=$2/running NEWLINE='
'
running_sha=new worker_sha=old process_pid=5
readonly ANSWER_SECONDS=3
. "$1"
worker_sha=old
say_to_master() {
	echo "$2" >>"$RUNTIME_DIR/asked"
	file=$RUNTIME_DIR/$(echo "$2" | tr ' ' '-')
	head -n 1 "$file"
	sed -i 1d "$file"
}
ask_master() { say_to_master "$@"; }
uptime() { now=100; }
replace() { echo "put back" >>"$RUNTIME_DIR/done"; }
log() { :; }
write_status() { printf 'workers=%s failure=%s' "$workers" "$reload_failure" >"$RUNTIME_DIR/status"; }
reload_haproxy
`;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'proxy-reload-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** What became of a reload, and what the master was asked. Each answer is a line; '' is none. */
async function reload(answers: {
  readonly reload: readonly string[];
  readonly workers: readonly string[];
  readonly logs?: readonly string[];
}): Promise<{ status: string; asked: string[] }> {
  const lines = { reload: answers.reload, 'show-proc': answers.workers, 'show-startup-logs': answers.logs ?? [] };
  for (const [name, texts] of Object.entries(lines)) {
    await writeFile(path.join(folder, name), texts.map((text) => `${text}\n`).join(''));
  }
  await execa('sh', ['-c', SCRIPT, 'sh', PART, folder], { timeout: LIMIT_MS });
  const read = (name: string) => readFile(path.join(folder, name), 'utf8');
  return { status: await read('status'), asked: (await read('asked')).trim().split('\n') };
}

describe('a reload of HAProxy', () => {
  it('is asked for once where the master says how it went', async () => {
    expect(await reload({ reload: ['Success=1'], workers: [WORKER] })).toEqual({
      status: 'workers=1 failure=',
      asked: ['show proc', 'reload'],
    });
  });

  it('is asked for once where the master says what is wrong', async () => {
    const { status, asked } = await reload({ reload: [REFUSED], workers: [WORKER] });
    expect(status).toContain('failure=[ALERT] Starting proxy other: cannot bind socket');
    expect(asked).toEqual(['show proc', 'reload']);
  });

  it('is not asked for again where the master remembers it', async () => {
    const { status, asked } = await reload({ reload: [''], workers: [WORKER, WORKER], logs: [REFUSED] });
    expect(status).toContain('Address already in use');
    expect(asked).toEqual(['show proc', 'reload', 'show proc', 'show startup-logs']);
  });

  it('is asked for once more where nobody knows how it went: the master may not have begun', async () => {
    const lost = { reload: ['', REFUSED], workers: [WORKER, WORKER], logs: [''] };
    const { status, asked } = await reload(lost);
    expect(status).toContain('Address already in use');
    expect(asked).toEqual(['show proc', 'reload', 'show proc', 'show startup-logs', 'reload']);
  });

  it('is said to be unknown where nobody knows of the second one either', async () => {
    const { status, asked } = await reload({ reload: [], workers: [WORKER] });
    expect(status).toContain('HAProxy did not say how its reload went');
    expect(asked.filter((each) => each === 'reload')).toHaveLength(2);
  });
});
