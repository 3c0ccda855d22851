import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, it } from 'vitest';

/*
 * When the supervisor begins, ends and begins again the keepalived that keeps the table of IPVS: with its own functions, and with what stands for
 * keepalived, the kernel and the clock. On a real kernel: test/integration/virtual-servers.test.ts.
 */

const PARTS = path.resolve(import.meta.dirname, '../../images/keepalived/lib');
const LIMIT_MS = 20_000;
const SERVICE = '-A -t 192.0.2.1:6443 -s rr';

const STAND_INS = `
set -u
NEWLINE='
'
need() { :; }
log() { echo "log $1"; }
said_lately() { return 1; }
. "$PARTS/virtual-servers.sh"
now=100
table=''
uptime() { :; }
alive() { [ -n "$1" ]; }
ask_ipvs() { echo "$table"; }
start_table() { ipvs_pid=1; echo begins; }
end_table() { ipvs_pid=''; echo ends; }
reload_table() { echo reloads; }
plan() { # PORT WEIGHT
	ipvs_plan="conf virtual_server 192.0.2.1 $1 {
conf     weight $2
conf }"
}
look() { keep_table; repair_table; }
stop_asked=0
`;

describe('the keepalived of the table of IPVS', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'table-'));
  mkdirSync(path.join(folder, 'private'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What these commands do, one a word. */
  async function doing(...commands: readonly string[]): Promise<string> {
    const { stdout } = await execa('sh', ['-c', [STAND_INS, ...commands].join('\n')], {
      env: {
        PARTS,
        RUNTIME_DIR: folder,
        STATE_DIR: folder,
        PRIVATE: path.join(folder, 'private'),
        PID_DIR: folder,
        REDIRECT_TABLE: 'test',
      },
      timeout: LIMIT_MS,
    });
    return stdout.split('\n').join(' ');
  }

  const BEGIN = 'plan 6443 1; look';
  const FILLED = `table='${SERVICE}'; look`;

  it('is not taken for one whose table was emptied while it still fills it', async () => {
    expect(await doing(BEGIN, 'now=160', 'look', FILLED, 'now=9000', 'look')).toBe('begins');
  });

  it('is begun again when it did not fill it in a minute', async () => {
    expect(await doing(BEGIN, 'now=161', 'look')).toBe('begins log warn ends begins');
  });

  it('is begun again at once when somebody emptied what was there', async () => {
    expect(await doing(BEGIN, FILLED, "table=''", 'look')).toBe('begins log warn ends begins');
  });

  it('is begun again at once, too, when a server has just changed', async () => {
    expect(await doing(BEGIN, FILLED, 'plan 6443 0', 'keep_table', "table=''", 'look')).toBe(
      'begins reloads log warn ends begins',
    );
  });

  it('has its time again for a service that is new', async () => {
    expect(await doing(BEGIN, FILLED, 'plan 6444 1', 'look', 'look')).toBe('begins reloads');
  });

  it('is left alone when the kernel gives no answer', async () => {
    expect(await doing(BEGIN, FILLED, 'ask_ipvs() { return 124; }', 'look')).toBe('begins');
  });

  it('is not begun by a supervisor that is asked to end', async () => {
    expect(await doing('stop_asked=1', BEGIN)).toBe('');
    expect(await doing(BEGIN, FILLED, "ipvs_pid=''; stop_asked=1", 'look')).toBe('begins');
  });
});
