import { formatMs } from '../support/print.ts';
import type { Outage } from './outages.ts';
import type { ProbeReport } from './prober.ts';

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
