import { describe, expect, it } from 'vitest';
import { type ObservedServer, readServersState, readSessions, readStatistics } from './observed.ts';

const STATE = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
4 api 1 127.0.0.11 127.0.0.11 2 0 100 100 1 9 3 4 6 0 0 0 - 16443 - 0 0 - - 0
4 api 2 ::1 ::1 0 0 100 100 1 8 2 0 6 0 0 0 - 16443 - 0 0 - - 0
4 api 4 127.0.0.13 127.0.0.13 0 0 100 100 1 9 3 1 6 0 0 0 - 16443 - 0 0 - - 0
4 api 3 127.0.0.12 127.0.0.12 1 8 100 100 0 1 2 3 6 0 0 0 - 16443 - 0 0 - - 0
5 api-unchecked 1 127.0.0.11 127.0.0.11 0 1 1 1 1 1 0 2 0 0 0 0 - 16443 - 0 0 - - 0

`;

const STATISTICS = `# pxname,svname,scur,stot,bout,status,weight,type,check_status,check_rise,check_fall,check_desc,last_chk,
api,127.0.0.11,7,90,5000,UP,100,2,L6OK,2,3,Layer6 check passed,(tcp-check),
api,::1,0,0,0,DOWN,100,2,L4CON,2,3,Layer4 connection problem,Connection refused at step 1 of tcp-check (connect),
api-unchecked,127.0.0.11,0,0,0,no check,1,2,,,,,,
api,BACKEND,7,90,5000,UP,100,1,,,,,,

`;

const SESSIONS = `0x7f1ea7aa7000: proto=tcpv6 src=::ffff:127.0.0.1:36512 fe=api be=api srv=127.0.0.11 ts=00 epoch=0 age=1m12s calls=3 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] scf=[8,0h,fd=14,rex=23h59m,wex=] scb=[8,1h,fd=15,rex=23h59m,wex=] exp=23h59m rc=0 c_exp=
0x7f1ea7aab000: proto=tcpv4 src=127.0.0.1:36518 fe=api be=api srv=127.0.0.11 ts=00 epoch=0 age=0s calls=2 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] scf=[8,0h,fd=21,rex=23h59m,wex=] scb=[8,1h,fd=22,rex=23h59m,wex=] exp=23h59m rc=0 c_exp=
0x7f1ea7aac000: proto=tcpv4 src=127.0.0.1:36520 fe=api be=api srv=127.0.0.11 ts=00 epoch=0 age=5s calls=1 rate=0 cpu=0 lat=0 rq[f=808000h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] scf=[8,0h,fd=23,rex=23h59m,wex=] scb=[8,1h,fd=24,rex=23h59m,wex=] exp=23h59m rc=0 c_exp=
0x7f1ea7aa9000: proto=tcpv4 src=127.0.0.1:36514 fe=api be=api srv=::1 ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] scf=[8,0h,fd=18,rex=23h59m,wex=] scb=[5,1h,fd=19,rex=,wex=] exp=200ms rc=3 c_exp=
0x7f1ea7aaa000: proto=tcpv4 src=127.0.0.1:36516 fe=api be=api srv=::1 ts=00 epoch=0 age=9s calls=1 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] scf=[8,0h,fd=20,rex=,wex=] scb=[10,1h,fd=-1,rex=,wex=] exp=<NEVER> rc=0 c_exp=
0x7f1ea7aa8000: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=848101h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] scf=[8,0h,fd=17,rex=1d,wex=] scb=[8,1h,fd=-1,rex=,wex=] exp=1d rc=0 c_exp=

`;

/** What is read of a server with that state. */
function serverIn(state: string): readonly ObservedServer[] | undefined {
  const [, head = ''] = STATE.split('\n');
  return readServersState(`1\n${head}\n4 api 1 a a ${state} 6 0 0 0 - 16443 - 0 0 - - 0\n`, () => 4);
}

describe('what HAProxy answers', () => {
  it.each([
    ['its last check failed', '2 0 100 100 1 8 2 3', true],
    ['the one before the check that is under way failed', '2 0 100 100 1 8 0 3', true],
    ['it has passed one since', '2 0 100 100 1 9 3 4', false],
    ['a check is under way, and all before were passed', '2 0 100 100 1 9 0 4', false],
    ['it was never checked', '2 0 100 100 1 1 0 3', false],
  ])('tells that a server may be down soon: %s', (_what, state, failing) => {
    expect(serverIn(state)).toMatchObject([{ up: true, failing }]);
  });

  it.each([
    ['the last check failed', '0 0 100 100 1 8 2 0', false],
    ['it has passed one since', '0 0 100 100 1 9 3 1', true],
    ['it has passed one since, and the next is under way', '0 0 100 100 1 9 0 1', true],
    ['it failed again, and the next is under way', '0 0 100 100 1 8 0 0', false],
    ['it was never checked', '0 1 1 1 1 1 0 2', false],
  ])('tells that a server that is down may be up soon: %s', (_what, state, recovering) => {
    expect(serverIn(state)).toMatchObject([{ up: false, recovering }]);
  });

  it('tells of each server whether it can be used, and what was asked of it', () => {
    expect(readServersState(STATE, () => 4)).toEqual([
      {
        section: 'api',
        name: '127.0.0.11',
        address: '127.0.0.11',
        port: 16443,
        up: true,
        failing: false,
        recovering: false,
        admin: 'ready',
      },
      {
        section: 'api',
        name: '::1',
        address: '::1',
        port: 16443,
        up: false,
        failing: false,
        recovering: false,
        admin: 'ready',
      },
      {
        section: 'api',
        name: '127.0.0.13',
        address: '127.0.0.13',
        port: 16443,
        up: false,
        failing: false,
        recovering: true,
        admin: 'ready',
      },
      {
        section: 'api',
        name: '127.0.0.12',
        address: '127.0.0.12',
        port: 16443,
        up: true,
        failing: true,
        recovering: false,
        admin: 'drain',
      },
      {
        section: 'api-unchecked',
        name: '127.0.0.11',
        address: '127.0.0.11',
        port: 16443,
        up: false,
        failing: false,
        recovering: false,
        admin: 'maint',
      },
    ]);
  });

  it('that is something else is no state of servers', () => {
    expect(readServersState('Permission denied\n', () => 4)).toBeUndefined();
  });

  it('tells how many connections servers have, and what the last check found', () => {
    expect(readStatistics(STATISTICS)).toEqual([
      {
        section: 'api',
        name: '127.0.0.11',
        sessions: 7,
        begun: 90,
        bytes: 5000,
        weight: 100,
        check: 'Layer6 check passed: (tcp-check)',
        fullHealth: 4,
      },
      {
        section: 'api',
        name: '::1',
        sessions: 0,
        begun: 0,
        bytes: 0,
        weight: 100,
        check: 'Layer4 connection problem: Connection refused at step 1 of tcp-check (connect)',
        fullHealth: 4,
      },
      {
        section: 'api-unchecked',
        name: '127.0.0.11',
        sessions: 0,
        begun: 0,
        bytes: 0,
        weight: 1,
        check: '',
        fullHealth: -1,
      },
    ]);
  });

  it('tells of each connection how far its server’s side is, and whether it has said nothing yet; its own to us are none', () => {
    const first = { section: 'api', server: '127.0.0.11', serverSide: 'established', unanswered: false };
    const second = { section: 'api', server: '::1', unanswered: false };
    expect(readSessions(SESSIONS)).toEqual([
      { ...first, id: '0x7f1ea7aa7000', ageSeconds: 72 },
      { ...first, id: '0x7f1ea7aab000', ageSeconds: 0, unanswered: true },
      { ...first, id: '0x7f1ea7aac000', ageSeconds: 5 },
      { ...second, id: '0x7f1ea7aa9000', ageSeconds: 0, serverSide: 'connecting' },
      { ...second, id: '0x7f1ea7aaa000', ageSeconds: 9, serverSide: 'closed' },
    ]);
  });
});
