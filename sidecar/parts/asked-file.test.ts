import pino from 'pino';
import { expect, it } from 'vitest';
import { AskedFile } from './asked-file.ts';

it('is written once at a time, so that the newest word is the last', async () => {
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  let word = 'old';
  const asked = new AskedFile<string>({
    desired: () => word,
    file: {
      async write(desired) {
        begun.push(desired);
        if (desired === 'old') await gate.promise;
        return true;
      },
    },
    wake: () => Promise.resolve(),
    onAsked: () => undefined,
    what: 'a word',
    log: pino({ level: 'silent' }),
  });
  const first = asked.start();
  await expect.poll(() => begun).toEqual(['old']);
  word = 'new';
  const second = asked.review();
  await new Promise(setImmediate);
  expect(begun).toEqual(['old']);
  gate.resolve();
  await Promise.all([first, second]);
  expect(begun).toEqual(['old', 'new']);
  asked.stop();
});
