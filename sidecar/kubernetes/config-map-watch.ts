import * as z from 'zod';
import { ListWatch, type ListWatchOptions, type ListWatchReports } from './list-watch.ts';

/** A ConfigMap, by where it is. */
export interface ConfigMapName {
  readonly namespace: string;
  readonly name: string;
}

interface ConfigMapWatchReports extends ListWatchReports {
  /** Called with every content that the API tells, by its keys. */
  readonly onData: (data: Readonly<Record<string, string>>) => void;
}

/** Of a bookmark only the version is there. */
const configMapSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().default('') }),
  data: z.record(z.string(), z.string()).nullish(),
});
const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1) }),
  items: z.array(configMapSchema),
});
type ConfigMap = z.infer<typeof configMapSchema>;

/** Follows one ConfigMap. That it is gone is not told: what it said last counts. It does not watch yet. */
export function watchConfigMap(
  { namespace, name, ...options }: ListWatchOptions & ConfigMapName,
  { onData, ...reports }: ConfigMapWatchReports,
): ListWatch<ConfigMap> {
  const tell = ({ data }: ConfigMap) => onData(data ?? {});
  const collection = {
    resource: 'configmaps',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`,
    selector: { fieldSelector: `metadata.name=${name}` },
  };
  return new ListWatch(collection, options, {
    ...reports,
    readList: (document) => {
      const { metadata, items } = listSchema.parse(document);
      return { resourceVersion: metadata.resourceVersion, items };
    },
    readObject: (object) => {
      const item = configMapSchema.parse(object);
      return { resourceVersion: item.metadata.resourceVersion, item };
    },
    onList: (items) => {
      for (const item of items) tell(item);
    },
    onPresent: tell,
    onDeleted: () => undefined,
  });
}
