/** Asks addresses in turn until each has answered once; started by RollCall in a client's namespace, and ends with it. */
import { request } from 'node:http';
import { monotonicMs } from '../support/clock.ts';
import type { Answered, Asked } from './roll-call.ts';

/** Open at the same time: a SYN that is lost is not sent again for a second, so that an attempt is given up before. */
const AT_ONCE = 64;
const TIMEOUT_MS = 400;
/** An address that does not answer yet is not asked again at once: what makes it answer needs the machine, too. */
const PAUSE_MS = 100;

const waiting: { readonly address: string; readonly dueMs: number }[] = [];
const heard: [string, number][] = [];
let open = 0;

function attempt(address: string): void {
  let over = false;
  open += 1;
  const finish = (ok: boolean) => {
    if (over) return;
    over = true;
    open -= 1;
    if (ok) heard.push([address, monotonicMs()]);
    else waiting.push({ address, dueMs: monotonicMs() + PAUSE_MS });
    next();
  };
  const outgoing = request({ host: address, port: 80, agent: false, timeout: TIMEOUT_MS }, (response) => {
    response.resume();
    response.on('end', () => finish(response.statusCode === 200));
    response.on('error', () => finish(false));
  });
  outgoing.on('timeout', () => outgoing.destroy());
  outgoing.on('error', () => finish(false));
  outgoing.end();
}

function next(): void {
  const nowMs = monotonicMs();
  while (open < AT_ONCE && waiting[0] !== undefined && waiting[0].dueMs <= nowMs) {
    attempt(waiting.shift()?.address ?? '');
  }
}

function flush(): void {
  if (heard.length > 0) process.send?.({ heard: heard.splice(0) } satisfies Answered);
}

process.on('message', ({ addresses }: Asked) => {
  // Those that were not asked yet come first.
  waiting.unshift(...addresses.map((address) => ({ address, dueMs: 0 })));
  next();
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined); // a Ctrl-C reaches the whole foreground group; the parent decides when this ends
setInterval(next, 10);
setInterval(flush, 20);
