/** Labels and value of a series; names of pools, instances and addresses need no escaping. */
export type Sample = readonly [labels: string, value: number];

/** A gauge as Prometheus reads it; nothing where it has no series. Pure. */
export function family(name: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}
