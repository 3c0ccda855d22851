import { expect, it } from 'vitest';
import { endpointOf } from './endpoint.ts';

it.each([
  ['http://127.0.0.1:10254/healthz', { host: '127.0.0.1', port: 10254 }],
  ['http://ingress.example/', { host: 'ingress.example', port: 80 }],
  ['https://ingress.example/', { host: 'ingress.example', port: 443 }],
  ['https://[fd00::1]:8443/', { host: 'fd00::1', port: 8443 }],
  ['tcp://[::1]:80', { host: '::1', port: 80 }],
])('connects for %s to its host, without brackets, and its port or that of its scheme', (url, endpoint) => {
  expect(endpointOf(url)).toEqual(endpoint);
});
