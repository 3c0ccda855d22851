import { join } from 'node:path';

/**
 * A configuration for nginx in the foreground, without a log of requests, with every path below one directory. Pure.
 * @param processes how many, and which
 * @param servers its `server` blocks
 */
export function nginxConf(directory: string, processes: string, servers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(directory, kind)};`,
  );
  return `daemon off;
${processes}
user root;
pid ${join(directory, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  default_type text/plain;
  ${temporary.join('\n  ')}
${servers}
}
`;
}
