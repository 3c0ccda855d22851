import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointOf } from './endpoint.ts';
import { Resetter } from './resetter.ts';
import { SocketRequestError } from './socket-request.ts';
import { clientsInLines, TranslatedConnections } from './translated.ts';

describe('the program that resets connections', () => {
  let directory: string;
  let server: Server | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'resetter-'));
    await mkdir(join(directory, 'resets'));
  });
  afterEach(async () => {
    server?.close();
    server = undefined;
    await rm(directory, { recursive: true });
  });

  async function serve(onClient: (socket: Socket) => void, name = 'ask'): Promise<Resetter> {
    const listening = createServer({ allowHalfOpen: true }, onClient);
    server = listening;
    await new Promise<void>((resolve) => {
      listening.listen(join(directory, 'resets', name), resolve);
    });
    return new Resetter({ directory });
  }

  it('is given lines, and says how many clients were asked', async () => {
    let got = '';
    const resetter = await serve(async (socket) => {
      got = await text(socket);
      socket.end('sent=2 refused=1\n');
    });
    await expect(resetter.ask(['192.0.2.100 80 192.0.2.1 1025', 'b', 'c'])).resolves.toEqual({ sent: 2, refused: 1 });
    expect(got).toBe('192.0.2.100 80 192.0.2.1 1025\nb\nc\n');
  });

  it.each([
    ['refuses', 'error=a line is too long\n', /^error=a line is too long$/],
    ['ends without an answer', '', /^no answer$/],
    ['never ends its answer', 'x'.repeat(1000), /an answer without an end/],
  ])('fails when it %s', async (_what, answer, message) => {
    const resetter = await serve((socket) => {
      socket.on('error', () => undefined).resume();
      socket.end(answer);
    });
    await expect(resetter.ask(['a'])).rejects.toThrow(message);
  });

  it('fails where it is not there', async () => {
    const asked = new Resetter({ directory }).ask(['a']);
    await expect(asked).rejects.toThrow(SocketRequestError);
    await expect(asked).rejects.toThrow('ENOENT');
  });

  describe('and tells of translated connections', () => {
    async function answering(answer: string): Promise<{ got: string[]; translated: TranslatedConnections }> {
      const got: string[] = [];
      await serve(async (socket) => {
        got.push(await text(socket));
        socket.end(answer);
      }, 'list');
      return { got, translated: new TranslatedConnections({ directory }) };
    }

    it('gives the clients of the addresses that it is asked for', async () => {
      const { got, translated } = await answering(
        '192.0.2.100 443 10.0.0.1 1025\n192.0.2.100 443 10.0.0.2 1025\n2001:db8::64 443 2001:db8::1 1026\nend=3\n',
      );
      await expect(translated.to(['192.0.2.100', '2001:db8::64'])).resolves.toEqual(
        new Map([
          [endpointOf('192.0.2.100', 443), new Set([endpointOf('10.0.0.1', 1025), endpointOf('10.0.0.2', 1025)])],
          [endpointOf('2001:db8::64', 443), new Set([endpointOf('2001:db8::1', 1026)])],
        ]),
      );
      expect(got).toEqual(['192.0.2.100\n2001:db8::64\n']);
    });

    it.each([
      ['refuses', 'error=Operation not supported\n', 'error=Operation not supported'],
      ['breaks off', '192.0.2.100 443 10.0.0.1 1025\n', 'no whole answer'],
    ])('fails when it %s', async (_what, answer, message) => {
      const { translated } = await answering(answer);
      await expect(translated.to(['192.0.2.100'])).rejects.toThrow(message);
    });

    it('leaves out what is no client', () => {
      const lines = ['192.0.2.100 443 2001:db8::1 1', '192.0.2.300 443 10.0.0.1 1', 'x 1 y 2', 'end=0'];
      expect(clientsInLines(lines.join('\n'))).toEqual(new Map());
    });
  });
});
