import { connect } from 'node:net';

/** Sends a GET whose target is taken as it is, which no client library would, and gives the whole answer as text. */
export function rawGet(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to GET ${target}`)));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('end', () => {
      socket.destroy();
      resolve(text);
    });
    socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 'latin1');
  });
}

/** Targets of requests that are no valid URL, each in its way; and some that only look so. */
export const ODD_TARGETS = [
  '/track/%ff',
  '/track/%',
  '/track/%zz',
  '/track/a%80b',
  '/%ff',
  '/%',
  '/status?%ff',
  '//',
  '//%ff//',
  '*',
  'http://[',
  'http://%ff/track/%ff',
  '/track/__proto__',
  '/track/constructor',
  '/track/\u00ff',
  '/track/a b',
];
