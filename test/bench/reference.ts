import type { Release } from '../lab/manifests.ts';
import { RUNTIME_DIRECTORY } from '../support/runtime-directory.ts';

/*
 * What the product is measured against: keepalived alone, with the settings that the chart it replaces documents (advertisements every
 * second, all nodes at one priority, the service asked every 2 s and failed after 2, kubelet and API every 5 s and failed after 5, by
 * shell scripts). The same keepalived, nodes, ingress and clients.
 */

const FOLDER = '/etc/reference';
const PIDS = ['-p', 'keepalived', '-r', 'vrrp', '-c', 'checkers', '-b', 'bfd'];

function check(url: string): string {
  return `exec curl -sf -k -m 1 -o /dev/null ${url}\n`;
}

function scriptBlock(name: string, interval: number, fall: number, weight = ''): string {
  return `vrrp_script ${name} {
    script "/usr/bin/dash ${FOLDER}/${name}.sh"
    interval ${interval}
    fall ${fall}
    ${weight}
}
`;
}

function configuration(address: string): string {
  return `global_defs {
    vrrp_version 2
    script_user root
    enable_script_security
}
${scriptBlock('service', 2, 2)}${scriptBlock('kubelet', 5, 5)}${scriptBlock('api', 5, 5, 'weight -40')}vrrp_instance vip {
    state BACKUP
    interface eth0
    virtual_router_id 10
    priority 100
    advert_int 1
    preempt_delay 5
    authentication {
        auth_type PASS
        auth_pass refernce
    }
    track_script {
        service
        kubelet
        api
    }
    virtual_ipaddress {
        ${address} dev eth0
    }
}
`;
}

/** Replaces the product's pod by the reference's keepalived; the address stays. */
export function asReference(release: Release): Release {
  const files = {
    'keepalived.conf': configuration(`${release.addresses[0]}/24`),
    'service.sh': check('http://127.0.0.1:10254/healthz'),
    'kubelet.sh': check('http://127.0.0.1:10248/healthz'),
    'api.sh': `exec curl -s -k -m 1 -o /dev/null "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/readyz"\n`,
  };
  const pids = PIDS.map((word) => (word.startsWith('-') ? word : `${RUNTIME_DIRECTORY}/${word}.pid`));
  return {
    ...release,
    volumes: { ...release.volumes, reference: { kind: 'files', files } },
    containers: [
      {
        name: 'keepalived',
        command: ['/usr/bin/tini', '-g', '--', '/usr/sbin/keepalived'],
        args: ['--vrrp', '-n', '-l', '-f', `${FOLDER}/keepalived.conf`, ...pids],
        env: [],
        mounts: [
          { volume: 'reference', path: FOLDER, readOnly: true },
          { volume: 'runtime', path: RUNTIME_DIRECTORY, readOnly: false },
        ],
        preStop: undefined,
        uid: 0,
        gid: 0,
        capabilities: ['NET_ADMIN', 'NET_RAW', 'SETUID', 'SETGID'],
      },
    ],
  };
}
