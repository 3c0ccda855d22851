import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { currentDigest, type Registry } from './registry.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
let server: Server | undefined;

/** A registry that gives a token for one image, and its digest to who has the token. */
async function registry(digest: string | undefined, status = 200): Promise<Registry> {
  const answer: RequestListener = ({ url = '', headers, method }, response) => {
    if (url === '/token?service=s&scope=repository:library/debian:pull') {
      response.end(JSON.stringify({ token: 'secret' }));
      return;
    }
    const good = url === '/v2/library/debian/manifests/trixie-slim' && headers.authorization === 'Bearer secret';
    const expected = good && method === 'HEAD' && headers.accept?.includes('image.index.v1+json');
    if (digest !== undefined) response.setHeader('docker-content-digest', digest);
    response.writeHead(expected ? status : 404).end();
  };
  server = createServer(answer);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, tokenUrl: `${url}/token?service=s` };
}

afterEach(() => {
  server?.close();
  server = undefined;
});

describe('the current digest of a base image', () => {
  it('is what the registry says of the index by that name', async () => {
    expect(await currentDigest('debian:trixie-slim', await registry(DIGEST))).toBe(DIGEST);
  });

  it.each([
    ['there is no such image', DIGEST, 404, /manifests\/trixie-slim answers 404/],
    ['the answer has none', undefined, 200, /no digest in the answer/],
    ['the answer has another kind of digest', 'md5:0a', 200, /no digest in the answer, but "md5:0a"/],
  ])('is refused when %s', async (_, digest, status, message) => {
    await expect(currentDigest('debian:trixie-slim', await registry(digest, status))).rejects.toThrow(message);
  });

  it('is not known where no registry answers, and the address is named', async () => {
    const { url, tokenUrl } = await registry(DIGEST);
    await new Promise((resolve) => server?.close(resolve));
    await expect(currentDigest('debian:trixie-slim', { url, tokenUrl })).rejects.toThrow(`${tokenUrl}&scope=`);
  });
});
