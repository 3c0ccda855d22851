import { sha256 } from './digest.ts';

function hashOf(page: string, element: 'style' | 'script'): string {
  const content = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page)?.[1] ?? '';
  return `'sha256-${sha256(content, 'base64')}'`;
}

/**
 * The headers of a page that has its style and its script inside: it may run its own script, use its own style and ask its own server;
 * nothing else, from nowhere else (https://www.w3.org/TR/CSP3/). Pure.
 */
export function pageHeaders(page: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(page, 'script')}`,
    `style-src ${hashOf(page, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': policy.join('; '),
    'Content-Type': 'text/html; charset=utf-8',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}
