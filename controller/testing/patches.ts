/*
 * Patches as an API server carries them out, as far as the controller sends them.
 */

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON merge patch (RFC 7386). */
export function mergePatched(known: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const merged: Record<string, unknown> = isFields(known) ? { ...known } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (value !== undefined) merged[key] = mergePatched(merged[key], value);
  }
  return merged;
}

interface Condition extends Fields {
  readonly type: string;
  readonly $patch?: 'delete';
}

function withConditions(known: readonly Condition[], patches: readonly Condition[]): Condition[] {
  const patched = new Set(patches.map(({ type }) => type));
  return [...known.filter(({ type }) => !patched.has(type)), ...patches.filter(({ $patch }) => $patch === undefined)];
}

/** Notes of who added which finalizer. */
function managed(finalizers: readonly string[], manager: string): Fields {
  const fields = Object.fromEntries(finalizers.map((name) => [`v:${JSON.stringify(name)}`, {}]));
  return { manager, operation: 'Update', fieldsV1: { 'f:metadata': { 'f:finalizers': { '.': {}, ...fields } } } };
}

/**
 * A strategic merge patch of a Service
 * (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md): finalizers are a set,
 * conditions a map.
 */
export function strategicallyPatched(known: Fields, patch: Fields, manager: string): unknown {
  const { metadata = {}, status, ...rest } = patch as { metadata?: Fields; status?: Fields };
  const { finalizers: added = [], '$deleteFromPrimitiveList/finalizers': removed = [], ...otherMetadata } = metadata;
  const { conditions, ...otherStatus } = status ?? {};
  const had = ((known.metadata as Fields).finalizers ?? []) as string[];
  const fresh = (added as string[]).filter((name) => !had.includes(name));
  const finalizers = [...had, ...fresh].filter((name) => !(removed as string[]).includes(name));
  const managedFields = ((known.metadata as Fields).managedFields ?? []) as Fields[];
  const knownConditions = ((known.status as Fields | undefined)?.conditions ?? []) as Condition[];
  return mergePatched(known, {
    ...rest,
    metadata: {
      ...otherMetadata,
      finalizers,
      managedFields: fresh.length === 0 ? managedFields : [...managedFields, managed(fresh, manager)],
    },
    ...(status === undefined
      ? {}
      : { status: { ...otherStatus, conditions: withConditions(knownConditions, (conditions ?? []) as Condition[]) } }),
  });
}
