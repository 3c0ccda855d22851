import {
  type Endpoint,
  type EndpointSlice,
  endpointsOf,
  readEndpointSlice,
  readEndpointSlices,
} from './endpoint-slices.ts';
import { type Collection, ListWatch, type ListWatchOptions, type ListWatchReports } from './list-watch.ts';

interface EndpointsWatchReports extends ListWatchReports {
  /** Called with every state that the API tells; may be empty. */
  readonly onEndpoints: (endpoints: readonly Endpoint[]) => void;
}

/** kube-apiserver writes its own addresses here, and takes one away when its shutdown begins. */
const SLICES: Collection = {
  resource: 'endpointslices',
  path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
  selector: { labelSelector: 'kubernetes.io/service-name=kubernetes' },
};

/** Follows the addresses of the API servers, by the EndpointSlices of the Service `default/kubernetes`. It does not watch yet. */
export function watchEndpoints(
  options: ListWatchOptions,
  { onEndpoints, ...reports }: EndpointsWatchReports,
): ListWatch<EndpointSlice> {
  let slices = new Map<string, EndpointSlice>();
  const report = () => onEndpoints(endpointsOf(slices.values()));
  return new ListWatch(SLICES, options, {
    ...reports,
    readList: readEndpointSlices,
    readObject: (object) => {
      const item = readEndpointSlice(object);
      return { resourceVersion: item.resourceVersion, item };
    },
    onList: (items) => {
      slices = new Map(items.map((slice) => [slice.name, slice]));
      report();
    },
    onPresent: (slice) => {
      slices.set(slice.name, slice);
      report();
    },
    onDeleted: ({ name }) => {
      slices.delete(name);
      report();
    },
  });
}
