import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { monotonicMs } from '../../support/clock.ts';
import type { Failure, Gap, LoadMessage, LoadOptions, LoadReport } from './protocol.ts';

/*
 * Clients of the proxy: `node load.ts OPTIONS-AS-JSON`. New connections at a rate, each with one request; watches that are opened again at
 * once when they end. Nobody waits longer than the limit: who would have is counted.
 */

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions;
const ca = readFileSync(options.caFile);
let requests = 0;
let slowestMs = 0;
const failures: Failure[] = [];
const gaps: Gap[] = [];
const answers: Record<string, number> = {};
const watching = new Map<number, string>();
let open = 0;

interface Exchange {
  readonly path: string;
  readonly onName: (name: string) => void;
  readonly onEnd: (why: string) => void;
}

/** Connects and asks; the name comes once, the end comes once. */
function ask({ path, onName, onEnd }: Exchange): void {
  let text = '';
  let named = false;
  let over = false;
  const socket = connect({ host: options.host, port: options.port, ca, servername: 'kubernetes' });
  const end = (why: string) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.destroy();
    onEnd(why);
  };
  const timer = setTimeout(() => end('none'), options.limitMs);
  socket.on('secureConnect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: kubernetes\r\n\r\n`));
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  socket.on('close', () => end('closed'));
  socket.on('data', (chunk) => {
    if (named) return;
    text += chunk.toString();
    const name = /\r\n\r\n(?:[0-9a-f]+\r\n)?(\S+)\n/.exec(text)?.[1];
    if (name === undefined) return;
    named = true;
    clearTimeout(timer);
    onName(name);
    if (path === '/') end('answered');
  });
}

function request(): void {
  const atMs = monotonicMs();
  requests += 1;
  open += 1;
  let answered = false;
  ask({
    path: '/',
    onName: (name) => {
      answered = true;
      answers[name] = (answers[name] ?? 0) + 1;
      slowestMs = Math.max(slowestMs, monotonicMs() - atMs);
    },
    onEnd: (why) => {
      open -= 1;
      if (!answered) failures.push({ atMs, tookMs: monotonicMs() - atMs, why });
    },
  });
}

function watch(index: number, lost?: { from: string; closedAtMs: number }): void {
  ask({
    path: '/watch',
    onName: (name) => {
      watching.set(index, name);
      if (lost !== undefined) gaps.push({ watch: index, ...lost, backAtMs: monotonicMs(), to: name });
    },
    onEnd: () => {
      const from = watching.get(index) ?? lost?.from ?? '';
      const closedAtMs = watching.has(index) ? monotonicMs() : (lost?.closedAtMs ?? monotonicMs());
      watching.delete(index);
      setTimeout(() => watch(index, { from, closedAtMs }), 5);
    },
  });
}

function counts(names: Iterable<string>): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

for (let index = 0; index < options.watches; index += 1) watch(index);

const beganMs = monotonicMs();
const timer = setInterval(() => {
  const due = ((monotonicMs() - beganMs) * options.perSecond) / 1000;
  while (requests < due) request();
}, 4);

const progress = setInterval(() => {
  say({ progress: { requests, watching: counts(watching.values()) } });
}, 50);

function say(message: LoadMessage, then: () => void = () => undefined): void {
  process.send?.(message, then);
}

process.on('message', () => {
  clearInterval(timer);
  clearInterval(progress);
  const end = setInterval(() => {
    if (open > 0) return;
    clearInterval(end);
    const report: LoadReport = { requests, failures, answers, slowestMs, gaps, watching: counts(watching.values()) };
    say({ report }, () => process.exit());
  }, 10);
});
process.on('disconnect', () => process.exit());
