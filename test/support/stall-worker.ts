/**
 * Notices when the machine does not run one of its cores: a process of real-time priority, pinned to that core, that wants to run every few
 * milliseconds. Started by StallWatch, which listens to its messages.
 */
import { monotonicMs } from './clock.ts';
import { STALL_MS, type Stall } from './stalls.ts';

const SAMPLE_MS = 4;
let lookedMs = monotonicMs();

setInterval(() => {
  const nowMs = monotonicMs();
  if (nowMs - lookedMs - SAMPLE_MS >= STALL_MS) process.send?.({ fromMs: lookedMs, toMs: nowMs } satisfies Stall);
  lookedMs = nowMs;
}, SAMPLE_MS);
process.on('disconnect', () => process.exit(0)); // nobody listens any more
process.on('SIGINT', () => undefined); // a Ctrl-C reaches the whole foreground group; the parent decides when this ends
process.send?.('ready');
