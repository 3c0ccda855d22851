import type { ConfigurationExchange } from './configured-process.ts';
import { type Judgement, judgementOf, positiveOf, statusLines } from './status-lines.ts';

/**
 * What the supervisor of HAProxy last reported. Its exit codes are those of `haproxy -c`, which are 1 whatever is wrong, and its own:
 * 66 the candidate is unreadable.
 */
export interface ProxyStatus extends Judgement {
  /** The master process, as its own container numbers it; undefined while HAProxy does not run. */
  readonly haproxyPid: number | undefined;
  readonly haproxyVersion: string;
  /**
   * How often HAProxy was started or reloaded since the supervisor started, each with a new worker. A new worker knows what `haproxy.conf`
   * and `backends.cfg` say and no change that was made through the runtime API; a connection to `admin.sock` stays with the old one.
   */
  readonly workersTotal: number;
  /** Why HAProxy goes on with its old worker although its configuration is right: a port is taken, say. Undefined when it does not. */
  readonly reloadFailure: string | undefined;
}

/** Reads the status file of HAProxy's supervisor; unknown keys are left for newer readers. */
export function parseProxyStatus(text: string): ProxyStatus {
  const lines = statusLines(text);
  const failures = lines.all('reload_failure');
  return {
    ...judgementOf(lines),
    haproxyPid: positiveOf(lines.value('haproxy_pid')),
    haproxyVersion: lines.value('haproxy_version'),
    workersTotal: Number(lines.value('workers_total')),
    reloadFailure: failures.length === 0 ? undefined : failures.join('; '),
  };
}

/**
 * What is exchanged with HAProxy's supervisor, in a directory of its own that the sidecar and the proxy's container share. Sidecar and
 * supervisor of two releases may meet in a pod: these names stay as they are.
 *
 * The candidate is taken when `haproxy -c` accepts it together with {@link PROXY_FILES.backends}. HAProxy is reloaded when the candidate changes, and
 * for nothing else: another text, if only of a comment, asks for a reload.
 */
export const PROXY: ConfigurationExchange<ProxyStatus> = {
  candidate: 'candidate.conf',
  request: 'supervisor.request',
  status: 'supervisor.status',
  parseStatus: parseProxyStatus,
};

/** What else is in that directory. */
export const PROXY_FILES = {
  /** The configuration that runs, which the supervisor has made of an accepted candidate. */
  running: 'haproxy.conf',
  /** The backend sections, written by the sidecar before the first candidate. Read when a candidate is checked, at a start and at a reload. */
  backends: 'backends.cfg',
  /** The certificate authority of the API servers, written by the sidecar and read as {@link PROXY_FILES.backends} is. */
  ca: 'ca.pem',
  /**
   * HAProxy's runtime API, of the worker that accepts connections. The candidate has `stats socket <directory>/admin.sock mode 600 level
   * admin` for it.
   */
  adminSocket: 'admin.sock',
  /** Another text each second while the sidecar looks after HAProxy's servers: the supervisor does what is most urgent while it does not. */
  pulse: 'sidecar.pulse',
  /** The master's command line, which the supervisor has HAProxy open: old workers of before a reload are reached through it (`@!<pid> …`). */
  masterSocket: 'master.sock',
} as const;
