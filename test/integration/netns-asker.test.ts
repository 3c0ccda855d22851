import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { canMakeNamespaces, mustSkip } from '../support/needs.ts';
import { addNetns, inNetns, ip, removeNetns } from '../support/netns.ts';
import { NetnsAsker } from '../support/netns-asker.ts';
import { Program } from '../support/program.ts';

const NETNS = `asker${process.pid}`;
const URL = 'http://127.0.0.1:8080/page';
const SERVER =
  "require('http').createServer((q, r) => r.writeHead(503).end(q.url)).listen(8080, () => console.log('up'))";
const skip = mustSkip('pages asked for from inside a network namespace', [canMakeNamespaces]);

describe.skipIf(skip)('pages asked for from inside a network namespace', () => {
  const asker = new NetnsAsker(NETNS);
  let server: Program | undefined;
  afterEach(async () => {
    asker.stop();
    await server?.stop();
    await removeNetns([NETNS]);
  });

  it('are those of that namespace, also when it is another one of the same name', async () => {
    for (let made = 0; made < 2; made += 1) {
      await addNetns(NETNS);
      await ip(['link', 'set', 'lo', 'up'], NETNS);
      expect(await asker.ask(URL)).toBe('');
      const [program, ...args] = inNetns(NETNS, [process.execPath, '-e', SERVER]);
      const started = new Program('the server', spawn(program, args));
      server = started;
      await started.until('its start', () => started.output.includes('up'));
      expect(await asker.ask(URL)).toBe('/page');
      await started.stop();
      await removeNetns([NETNS]);
    }
  });

  it('are empty when what asks is ended, and come from another one afterwards', async () => {
    await addNetns(NETNS);
    const asked = asker.ask(URL);
    asker.stop();
    expect(await asked).toBe('');
    expect(await asker.ask(URL)).toBe('');
  });
});
