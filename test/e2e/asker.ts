/**
 * Asks for pages at a fixed cadence and tells its parent how many were answered. Started in a node's network with one argument in JSON; ends
 * with its parent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import axios from 'axios';

/** What it takes. */
export interface AskerOptions {
  /** Asked in turn. */
  readonly urls: readonly string[];
  /** From the end of one request to the next. */
  readonly everyMs: number;
}

/** What it tells. */
export interface AskerReport {
  readonly answers: number;
}

const TIMEOUT_MS = 5000;

async function ask({ urls, everyMs }: AskerOptions): Promise<never> {
  for (let asked = 0, answers = 0; ; asked += 1) {
    const url = urls[asked % urls.length] ?? '';
    const answered = await axios.get(url, { timeout: TIMEOUT_MS, proxy: false, validateStatus: () => true }).then(
      () => 1,
      () => 0,
    );
    answers += answered;
    process.send?.({ answers } satisfies AskerReport);
    await delay(everyMs);
  }
}

process.once('disconnect', () => process.exit(0));
await ask(JSON.parse(process.argv[2] ?? '{"urls":[],"everyMs":1000}') as AskerOptions);
