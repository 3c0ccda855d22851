import type { Desired } from './desired.ts';

/**
 * What several sources ask for together, in their order: where two ask for the same thing of the node, the one that comes first has it. Pure.
 * The plan is that of the first source that has one.
 */
export function mergeDesired(...sources: readonly Desired[]): Desired {
  return {
    instances: sources.flatMap(({ instances }) => instances),
    loopback: sources.flatMap(({ loopback }) => loopback),
    checks: new Map(sources.flatMap(({ checks }) => [...checks])),
    pools: sources.flatMap(({ pools }) => pools),
    problems: sources.flatMap(({ problems }) => problems),
    plan: sources.find(({ plan }) => plan !== null)?.plan ?? null,
  };
}
