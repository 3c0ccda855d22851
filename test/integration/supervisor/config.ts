export const RUNTIME_DIR = '/run/keepalived-ingress-vip';
/** Of every address in the test network, unless it has another. */
export const PREFIX = 24;

/** What a test varies in keepalived's configuration. */
export interface ConfigOptions {
  /** With a prefix, or /24 is meant. */
  readonly addresses: readonly string[];
  readonly priority?: number | string;
  readonly advertSeconds?: number;
  /** Further lines of the file's head, e.g. comments. */
  readonly head?: string;
  readonly device?: string;
  /** Names the instance in the comments of its addresses. */
  readonly instance?: string;
}

/** A configuration with the settings that the product uses. The first address is advertised, as the sidecar does it. */
export function config(options: ConfigOptions): string {
  const { addresses, priority = 244, advertSeconds = 0.1, head = '', device = 'eth0', instance } = options;
  const of = instance === undefined ? '' : ` ${instance}`;
  const whole = addresses.map((address) => (address.includes('/') ? address : `${address}/${PREFIX}`));
  const [advertised = '', ...excluded] = whole.map((address) => `${address} dev eth0`);
  return `${head}${whole.map((address) => `#! address eth0 ${address}${of}\n`).join('')}
global_defs {
    router_id test
    vrrp_version 3
    vrrp_notify_fifo ${RUNTIME_DIR}/notify.fifo
    vrrp_garp_master_repeat 5
    vrrp_garp_interval 0.02
    vrrp_garp_master_delay 1
    vrrp_garp_master_refresh 10
    vrrp_higher_prio_send_advert true
    vrrp_garp_lower_prio_repeat 5
    vrrp_rt_priority 50
    vrrp_rlimit_rttime 1000000
}
track_file vip_pulse {
    file ${RUNTIME_DIR}/track/vip.pulse
    weight 1
}
vrrp_instance vip {
    state BACKUP
    interface ${device}
    virtual_router_id 10
    priority ${priority}
    advert_int ${advertSeconds}
    track_file {
        vip_pulse
    }
    virtual_ipaddress {
        ${advertised}
    }
    virtual_ipaddress_excluded {
        ${excluded.join('\n        ')}
    }
}
`;
}

/** Virtual addresses in the test network. */
export const FIRST = '10.77.0.100';
export const SECOND = '10.77.0.101';
/** A configuration with the first address. */
export const GOOD = config({ addresses: [FIRST] });
/** One with both. */
export const BOTH = config({ addresses: [FIRST, SECOND] });
