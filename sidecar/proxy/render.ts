import { sha256 } from '../../common/digest.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import {
  API_SECTION,
  type Backend,
  endpointText,
  type Section,
  sectionNameOf,
  sectionsOf,
  serversOf,
  uncheckedOf,
} from './sections.ts';

/** Where HAProxy finds what it shares with the sidecar. */
export interface ProxyPlace {
  /** HAProxy's runtime API. */
  readonly adminSocket: string;
  /** PEM file of the API servers' CA; null while it is not known: then a handshake is enough, whoever answers. */
  readonly ca: { readonly file: string; readonly sha256: string } | null;
  /** Whether this node's kernel speaks IPv6: a socket of it cannot be bound where not. */
  readonly ipv6: boolean;
}

/** What HAProxy reads: two files, given to it in this order. */
export interface ProxyConfiguration {
  /** All but backends: another text asks for a reload. */
  readonly main: string;
  /** The sections of backends, with the servers that are known: read at a start and at a reload. */
  readonly backends: string;
}

/**
 * Until a server has accepted, a connection waits this long, and then tries another one. It must be shorter than the time from a server's
 * end to the closing of its sessions (cutter.ts).
 */
const CONNECT_MS = 250;
/** Shown as it is while a server starts slowly, in percent. */
const WEIGHT = 100;
/**
 * Descriptors: two for a connection. Without a limit HAProxy takes the container's, which may be a thousand million, and makes tables for as
 * many. What is less is taken without a word.
 */
const MOST_DESCRIPTORS = 32_768;

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}

/**
 * HAProxy's configuration. TLS passes through. Connections last for a day when nobody speaks, and are probed by the kernel: what is 20 s
 * elsewhere cuts `kubectl logs -f` and idle watches (kubernetes/kubeadm#2227). Pure.
 */
export function renderProxy(
  settings: ProxySettings,
  backends: readonly Backend[],
  place: ProxyPlace,
): ProxyConfiguration {
  const sections = sectionsOf(settings);
  const heads = new Map(sections.map((section) => [section.name, sectionHead(section, settings, place)]));
  const servers = serversOf(sections, backends);
  const texts = sections.map(({ name }) => {
    const own = servers.filter(({ section }) => section === name);
    const lines = own.map((server) => `    server ${server.name} ${endpointText(server)}`);
    return [...(heads.get(name) ?? []), ...lines, ''].join('\n');
  });
  // HAProxy does not give a new CA to servers whose checks alone use it (3.0: `commit ssl ca-file` finds none): it is reloaded.
  const digest = sha256(JSON.stringify([place.ca, ...heads.values()]));
  return { main: renderMain(settings, place, digest), backends: texts.join('\n') };
}

/** What HAProxy is told of a server of a section, when it is added and for those of the file. Pure. */
export function serverParameters(
  { check }: Pick<Section, 'check'>,
  settings: ProxySettings,
  place: ProxyPlace,
): string {
  if (check === null) return '';
  const { intervalSeconds, fastIntervalSeconds, failureThreshold, successThreshold, slowStartSeconds } =
    settings.health;
  const tls = place.ca === null ? 'check-ssl verify none' : `check-ssl verify required ca-file ${place.ca.file}`;
  return [
    `weight ${WEIGHT}`,
    'check',
    ...(check === 'kubernetes' ? [tls] : []),
    `inter ${milliseconds(intervalSeconds)} fastinter ${milliseconds(fastIntervalSeconds)}`,
    `downinter ${milliseconds(intervalSeconds)}`,
    `fall ${failureThreshold} rise ${successThreshold}`,
    ...(slowStartSeconds > 0 ? [`slowstart ${milliseconds(slowStartSeconds)}`] : []),
    // A connection that is refused or not answered counts at once. on-marked-down is not here for a reason: see cutter.ts.
    'observe layer4 error-limit 1 on-error mark-down',
  ].join(' ');
}

function sectionHead(section: Section, settings: ProxySettings, place: ProxyPlace): string[] {
  const parameters = serverParameters(section, settings, place);
  return [
    `backend ${section.name}`,
    // Of two by chance the one with fewer connections: leastconn would send all to who came back, for idle watches count.
    '    balance random(2)',
    // kube-apiserver's certificate has the name `kubernetes`, which is what is verified. No request: it would need a credential.
    ...(section.check === 'kubernetes' ? ['    option tcp-check', '    tcp-check connect ssl sni kubernetes'] : []),
    ...(parameters === '' ? [] : [`    default-server ${parameters}`]),
  ];
}

function renderMain(settings: ProxySettings, place: ProxyPlace, digest: string): string {
  const frontends = settings.ports.map(({ port, bindPort }, index) =>
    frontend(sectionNameOf(index, port), bindPort, place.ipv6),
  );
  return [
    `# Written by the sidecar. The backends' settings and CA, which are beside: ${digest}`,
    'global',
    '    log stdout format raw local0',
    `    stats socket ${place.adminSocket} mode 600 level admin expose-fd listeners`,
    '    stats timeout 1m',
    // A second one costs a fifth more for each connection, and one carries five thousand of them a second.
    '    nbthread 1',
    `    fd-hard-limit ${MOST_DESCRIPTORS}`,
    // A worker that was replaced checks no server any more: its connections must not outlive it for long.
    '    hard-stop-after 15s',
    '',
    'defaults',
    '    mode tcp',
    `    timeout connect ${CONNECT_MS}ms`,
    '    timeout client 24h',
    '    timeout server 24h',
    // Who has said that it ends is not waited for: neither by a client that is gone nor by a server that is dead.
    '    timeout client-fin 30s',
    '    timeout server-fin 30s',
    `    timeout check ${milliseconds(settings.health.timeoutSeconds)}`,
    '    timeout queue 1s',
    '    retries 3',
    '    option redispatch 1',
    ...keepalive('cli'),
    ...keepalive('srv'),
    '    option splice-auto',
    '',
    ...frontends.flat(),
    ...healthFrontend(settings.healthPort),
  ].join('\n');
}

/** The peer's kernel answers: one that is gone is noticed after 35 s (tcp(7), TCP_KEEPIDLE). */
function keepalive(side: 'cli' | 'srv'): string[] {
  return [
    `    option ${side}tcpka`,
    `    ${side}tcpka-idle 20s`,
    `    ${side}tcpka-intvl 5s`,
    `    ${side}tcpka-cnt 3`,
  ];
}

/**
 * One line of JSON for each connection when it is made, in which `from` is what an API server's audit log calls the source: kube-apiserver
 * knows no PROXY protocol.
 */
const CONNECTION_LOG = `'{"level":30,"time":%Ts%ms,"msg":"connection","client":"%ci:%cp","section":"%b","server":"%s","from":"%bi:%bp","to":"%si:%sp"}'`;

function frontend(section: string, bindPort: number, ipv6: boolean): string[] {
  return [
    `frontend ${section}`,
    // Not one address: a redirected connection goes to the first one of the interface that it came in by.
    `    bind :${bindPort}`,
    ...(ipv6 ? [`    bind :::${bindPort} v6only`] : []),
    '    log global',
    '    option dontlognull',
    '    option logasap',
    `    log-format ${CONNECTION_LOG}`,
    // When no check is passed, checks may be what is wrong: all are tried, and a client is refused when all refuse.
    `    use_backend ${uncheckedOf(section)} if { nbsrv(${section}) lt 1 }`,
    `    default_backend ${section}`,
    '',
  ];
}

/** Loopback only; connections to it may be held, and tell by their end that the proxy ended. */
function healthFrontend(port: number): string[] {
  const answer = (status: number, text: string) =>
    `http-request return status ${status} content-type text/plain string "${text}"`;
  return [
    'frontend health',
    '    mode http',
    `    bind 127.0.0.1:${port}`,
    '    timeout http-request 24h',
    '    timeout http-keep-alive 24h',
    `    ${answer(200, 'ready')} if { path /ready } { nbsrv(${API_SECTION}) ge 1 }`,
    `    ${answer(503, 'no API server passes its check')} if { path /ready }`,
    `    ${answer(200, 'alive')} if { path /live }`,
    `    ${answer(404, 'there are /ready and /live')}`,
    '',
  ];
}
