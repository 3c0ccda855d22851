import { bracketed, familyOfAddress, IP_ADDRESS, unmapped } from '../common/addresses.ts';
import { celMatches, matching, notMatching, problemOf, type Rule } from './rules.ts';

/*
 * Hosts that checks connect to.
 */

const LABEL = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const NAME = new RegExp(`^${LABEL}([.]${LABEL})*[.]?$`);
/**
 * A URL takes a name that ends in a number for an IPv4 address, in notations that differ from program to program
 * (https://url.spec.whatwg.org/#ends-in-a-number-checker), and looks into names that are written in punycode.
 */
const NO_NAME = /^(.*[.])?([0-9]+|0[xX][0-9a-fA-F]*)[.]?$|^(.*[.])?[xX][nN]--/;
/** Nobody answers there for this node: 0/8, 169.254/16, 224/4, 240/4; ::, fe80::/10, ff00::/8. Loopback is where checks ask. */
const NO_TARGET =
  /^((0|22[4-9]|2[3-5][0-9])[.]|169[.]254[.]|[0:]+$|[fF][fF][0-9a-fA-F]{2}:|[fF][eE][89abAB][0-9a-fA-F]:)/;

const named = (text: string) => NAME.test(text) && !NO_NAME.test(text);

/** What is asked of the host of a check. */
export const hostRules: readonly Rule<string>[] = [
  {
    test: (text) => IP_ADDRESS.test(text) || named(text),
    cel: `${celMatches(IP_ADDRESS)} || (${celMatches(NAME)} && !${celMatches(NO_NAME)})`,
    sentence:
      'is no host; give a host name or an IP address, without scheme, port, path, zone and brackets, for example 127.0.0.1',
  },
  notMatching(
    NO_TARGET,
    'is a link-local, multicast, reserved or unspecified address, at which nothing of this node answers; give 127.0.0.1, or an address of the node',
  ),
];

/** What is asked of the value of a Host header: a host and perhaps a port, or nothing. */
export const hostHeaderRules: readonly Rule<string>[] = [
  matching(
    /^(([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?)?$/,
    'is no value of a Host header; give a host name like ingress.example.org, with or without a port',
  ),
];

/** What is asked of the path of a check. */
export const pathRules: readonly Rule<string>[] = [
  matching(
    /^[/][!-~]*$/,
    'is no path; it must begin with a slash, e.g. /healthz, with blanks and other letters percent-encoded',
  ),
];

/** What is said where a check asks at a virtual address, behind the address. */
export const VIRTUAL_TARGET =
  "is a virtual address, at which every node reaches the one that holds it, so that all look as healthy as that one; let the check ask at 127.0.0.1, or at the node's own address";

/** Why a text is no value of a Host header; undefined when it is one. Pure. */
export function hostHeaderProblem(text: string): string | undefined {
  return problemOf(hostHeaderRules, text);
}

/**
 * The address that a host is, in the form in which addresses are compared, whatever notation it is in: for connections
 * `010.0.0.1`, `0x0a000001` and `::ffff:10.0.0.1` are addresses as well. Pure.
 * @param host a name or an address, also in brackets
 * @returns undefined for a name
 */
export function addressOfHost(host: string): string | undefined {
  const url = `http://${bracketed(host)}`;
  const name = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : host;
  return familyOfAddress(name) === undefined ? undefined : unmapped(name);
}
