import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

const PART = path.resolve(import.meta.dirname, '../../images/proxy/lib/watch.sh');
const LIMIT_MS = 10_000;
/** Columns of `show stat` as HAProxy 3.0 has them, as far as they are read and a little farther. */
const HEAD =
  '# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,';

/** A server of an answer to `show stat`: only what is read of it is there. */
function row(server: string, status: string, seconds: number, check: string): string {
  const [section = '', name = ''] = server.split('/');
  const values = HEAD.replace('# ', '').split(',');
  const known: Readonly<Record<string, string>> = {
    ...{ pxname: section, svname: name, scur: '3', status, lastchg: String(seconds), type: '2', check_status: check },
  };
  return values.map((column) => known[column] ?? '').join(',');
}

/** The servers whose connections are closed while no sidecar looks after them. */
async function deadIn(rows: readonly string[]): Promise<string[]> {
  const script = `RUNTIME_DIR=/nowhere; . "$1"; dead_servers "$(server_lines)"`;
  const input = `${[HEAD, ...rows].join('\n')}\n\n`;
  const { stdout } = await execa('sh', ['-c', script, 'sh', PART], { input, timeout: LIMIT_MS });
  return stdout.split('\n').filter(Boolean);
}

describe('the proxy’s own watch, while no sidecar looks after the servers', () => {
  it('closes the connections of servers that are down, in every section', async () => {
    const rows = [
      row('api/10.0.0.1', 'UP', 900, 'L6OK'),
      row('api/fd00::2', 'DOWN', 2, 'L6TOUT'),
      row('api/10.0.0.3', 'DOWN 1/3', 40, '* L6TOUT'),
      row('api-unchecked/fd00::2', 'no check', 900, ''),
      row('port-9345/10.0.0.1', 'UP 1/2', 900, 'L4OK'),
      row('port-9345/fd00::2', 'DOWN', 2, 'L4TOUT'),
    ];
    expect(await deadIn(rows)).toEqual(['api/fd00::2', 'api/10.0.0.3', 'port-9345/fd00::2']);
  });

  it('closes none that may still be on its way to another server', async () => {
    expect(await deadIn([row('api/a', 'UP', 9, 'L6OK'), row('api/b', 'DOWN', 1, 'L6TOUT')])).toEqual([]);
  });

  it('leaves a server that refuses the time to end what it has, for it may end in order', async () => {
    const up = row('api/a', 'UP', 90, 'L6OK');
    expect(await deadIn([up, row('api/b', 'DOWN', 9, 'L4CON'), row('api/c', 'DOWN', 9, '* L4CON')])).toEqual([]);
    expect(await deadIn([up, row('api/b', 'DOWN', 10, 'L4CON')])).toEqual(['api/b']);
  });

  it('closes none while no other server could take the clients', async () => {
    expect(await deadIn([row('api/a', 'DOWN', 90, 'L6TOUT'), row('other/b', 'UP', 90, 'L6OK')])).toEqual([]);
  });

  it('leaves alone who drains or is in maintenance', async () => {
    const rows = [row('api/a', 'UP', 90, 'L6OK'), row('api/b', 'DRAIN', 90, 'L6OK'), row('api/c', 'MAINT', 90, '')];
    expect(await deadIn(rows)).toEqual([]);
  });
});
