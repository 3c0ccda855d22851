import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { parse } from 'yaml';
import { CHART, RELEASE_NAME, RELEASE_NAMESPACE } from '../support/release-names.ts';
import { defaultVip } from './network-plan.ts';
import { DEFAULT_NETWORK } from './networks.ts';

/** The user's values, as given on the command line. */
export interface ChartValues {
  /** Values files (`-f`), later ones win. */
  readonly files: readonly string[];
  /** `key=value` (`--set`), stronger than the files. */
  readonly set: readonly string[];
}

const RENDER_LIMIT_MS = 60_000;

interface AddressValues {
  readonly keepalived?: { readonly vipAddressCidr?: unknown; readonly vipAddresses?: unknown };
  readonly controlPlaneLoadBalancing?: { readonly keepalived?: { readonly vrrpInstances?: unknown } };
}

/** Whether the values name a virtual address; if not, the lab gives its own. */
async function haveAddress(values: ChartValues): Promise<boolean> {
  if (
    values.set.some((assignment) =>
      /(^|,)(keepalived\.vipAddress|controlPlaneLoadBalancing\.keepalived\.vrrpInstances)/.test(assignment),
    )
  ) {
    return true;
  }
  const contents = await Promise.all(values.files.map(async (file) => parse(await readFile(file, 'utf8')) as unknown));
  return contents.some((content) => {
    const { keepalived, controlPlaneLoadBalancing } = (content as AddressValues | null) ?? {};
    const { vipAddressCidr, vipAddresses } = keepalived ?? {};
    return [vipAddressCidr, vipAddresses, controlPlaneLoadBalancing?.keepalived?.vrrpInstances].some(isGiven);
  });
}

/** Whether the values on the command line set the VRRP password. Pure. */
export function mentionsPassword(values: ChartValues): boolean {
  return values.set.some((assignment) => /(^|,)keepalived\.authPassword=/.test(assignment));
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/**
 * Renders the project's chart with the user's values and gives helm's output.
 * @param helm path of a helm executable
 * @param vip the virtual address, with its prefix, when the values give none
 * @throws Error with helm's own words when the chart refuses the values.
 */
export async function renderChart(
  helm: string,
  values: ChartValues,
  vip = defaultVip(DEFAULT_NETWORK),
): Promise<string> {
  const address = (await haveAddress(values)) ? [] : ['--set', `keepalived.vipAddressCidr=${vip}`];
  const result = await execa(
    helm,
    [
      ...['template', RELEASE_NAME, CHART, '--namespace', RELEASE_NAMESPACE],
      ...address,
      ...values.files.flatMap((file) => ['-f', file]),
      ...values.set.flatMap((assignment) => ['--set', assignment]),
    ],
    { timeout: RENDER_LIMIT_MS, reject: false },
  );
  if (result.failed) {
    throw new Error(`helm template: ${result.stderr.trim() || result.shortMessage}`);
  }
  return result.stdout;
}
