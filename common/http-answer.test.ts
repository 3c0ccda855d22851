import { createServer, type RequestListener } from 'node:http';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { sendJson, sendText } from './http-answer.ts';

function ask(handler: RequestListener) {
  return request(createServer(handler));
}

describe('an answer', () => {
  const reason = 'zu spät';
  const length = String(Buffer.byteLength(JSON.stringify({ reason })));

  it('as JSON says its length in bytes, and that nobody may keep it', async () => {
    const { status, body, headers } = await ask((_request, response) => sendJson(response, { reason })).get('/');
    expect([status, body]).toEqual([200, { reason }]);
    expect(headers).toMatchObject({
      'content-length': length,
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
  });

  it('to HEAD has the same headers, and no body', async () => {
    const handler: RequestListener = (_request, response) => sendJson(response, { reason }, 503);
    const { status, text, headers } = await ask(handler).head('/');
    expect([status, text, headers['content-length']]).toEqual([503, undefined, length]);
  });

  it('as text has the headers that the response had before', async () => {
    const handler: RequestListener = (_request, response) => {
      response.setHeader('X-Content-Type-Options', 'nosniff');
      sendText(response, 'good', { 'Content-Type': 'text/plain' });
    };
    const { text, headers } = await ask(handler).get('/');
    expect([text, headers['x-content-type-options'], headers['content-type']]).toEqual([
      'good',
      'nosniff',
      'text/plain',
    ]);
  });
});
