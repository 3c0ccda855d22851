import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { Listener } from './listener.ts';

let listener: Listener | undefined;

async function listen(address: string): Promise<number> {
  const port = await freePort();
  listener = new Listener({ address, port }, { handler: (_request, response) => response.end('here') });
  await listener.start();
  return port;
}

afterEach(() => listener?.stop());

describe('a listener', () => {
  it('without an address answers on every one, of both families', async () => {
    const port = await listen('');
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('here');
    }
  });

  it('with an address answers there alone', async () => {
    const port = await listen('127.0.0.1');
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow();
  });
});
