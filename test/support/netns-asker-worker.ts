/** Fetches what NetnsAsker asks for, from the network namespace that it was started in; ends with its parent. */
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { REQUEST_LIMIT_SECONDS } from './netns.ts';
import type { Answered, Asked } from './netns-asker.ts';

/** A page, whatever its status. Each by a connection of its own: one that is kept may be to a program of before. */
function fetchPage(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(1000 * REQUEST_LIMIT_SECONDS);
    get(url, { agent: false, signal }, (response) => resolve(text(response))).once('error', reject);
  });
}

process.on('message', ({ id, url }: Asked) => {
  const say = (page: string) => process.send?.({ id, page } satisfies Answered);
  fetchPage(url).then(say, () => say(''));
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined); // a Ctrl-C reaches the whole foreground group; the parent decides when this ends
