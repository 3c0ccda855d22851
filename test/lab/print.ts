import { now } from './clock.ts';
import type { Outage } from './outages.ts';
import type { ProbeReport } from './prober.ts';
import type { LabStatus } from './status.ts';

/** Milliseconds for people: one decimal. */
export function formatMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

/** Columns under each other, as wide as their widest cell. Pure. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** The lab for people. Pure. */
export function formatStatus(status: LabStatus): string {
  const pid = (value: number | null) => (value === null ? '-' : String(value));
  const rows = status.nodes.map((node) => [
    node.name,
    node.netns,
    node.address,
    node.holds.join(' ') || '-',
    pid(node.processes.keepalived),
    pid(node.processes.sidecar),
    pid(node.processes.ingress),
    node.faults.join(' ') || '-',
  ]);
  const head = ['NODE', 'NETNS', 'ADDRESS', 'HOLDS', 'KEEPALIVED', 'SIDECAR', 'INGRESS', 'FAULTS'];
  return `${formatTable([head, ...rows])}\naddresses: ${status.addresses.join(' ')}   client: ${status.client.netns}`;
}

/** One outage as cells of a table: duration, who answered before and after, failed attempts. Pure. */
export function outageCells(outage: Outage): string[] {
  return [
    formatMs(outage.durationMs),
    `${outage.before ?? 'nobody'} -> ${outage.after ?? 'nobody'}`,
    `${outage.failedAttempts} failed (${outage.reasons.join(', ')})`,
  ];
}

/** What clients saw, for people. Pure. */
export function formatReports(reports: readonly ProbeReport[]): string {
  return reports.flatMap((report) => report.addresses.map((seen) => formatAddress(report, seen))).join('\n\n');
}

function formatAddress(report: ProbeReport, seen: ProbeReport['addresses'][number]): string {
  const { latencyMs } = seen;
  const lines = [
    `${seen.address}, ${report.kind} client, a connection every ${report.intervalMs} ms: ${seen.attempts} attempts, ${seen.failed} failed`,
    ...(report.missedSlots > 0 ? [`  ${report.missedSlots} attempts were not made: the machine was too busy`] : []),
    ...(latencyMs === null
      ? []
      : [
          `  answered in ${formatMs(latencyMs.p50)} (median), ${formatMs(latencyMs.p99)} (99 %), ${formatMs(latencyMs.max)} (longest)`,
        ]),
    ...Object.entries(seen.answeredBy).map(([who, count]) => `  ${who}: ${count} answers`),
    ...seen.outages.map((outage) => `  outage ${outageCells(outage).join('  ')}`),
    seen.outages.length === 0
      ? '  no outage'
      : `  longest outage ${formatMs(seen.longestOutageMs)}, all ${formatMs(seen.totalOutageMs)}`,
  ];
  return lines.join('\n');
}

/** Says one line of progress on standard error, with the time. */
export function say(line: string): void {
  process.stderr.write(`${now().wall.slice(11, 23)} ${line}\n`);
}
