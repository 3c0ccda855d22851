import { HttpMethod, type KubeConfig } from '@kubernetes/client-node';
import { GROUP_VERSION } from '../../api/group.ts';
import type { ServiceAddress } from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { statusOf } from '../kubernetes/api-error.ts';
import { listObjects } from '../kubernetes/list.ts';
import { followedService, type RawService } from '../kubernetes/load-balancer-service.ts';
import { send } from '../kubernetes/send.ts';
import type { Found } from './owned.ts';

/** What there is none of, or of whose kind there is no definition any more, is an empty list. */
async function listed<T>(access: KubeConfig, path: string): Promise<readonly T[]> {
  try {
    return (await listObjects<T>(access, { path })).items;
  } catch (error) {
    if (statusOf(error) === HTTP_STATUS.notFound) return [];
    throw error;
  }
}

/** Reads all Services, claims and pools. Rejects with the client library's error when the API server refuses or does not answer. */
export async function findInCluster(access: KubeConfig): Promise<Found> {
  const [services, claims, pools] = await Promise.all([
    listed<RawService>(access, '/api/v1/services'),
    listed<ServiceAddress>(access, `/apis/${GROUP_VERSION}/serviceaddresses`),
    listed<VirtualIpPool>(access, `/apis/${GROUP_VERSION}/virtualippools`),
  ]);
  return { services: services.map(followedService), claims, pools };
}

/** Asks for no pod of a Deployment. Nothing when there is none. Rejects with the client library's error. */
export async function scaleDown(
  access: KubeConfig,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<void> {
  try {
    await send(access, {
      method: HttpMethod.PATCH,
      path: `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/scale`,
      body: { type: 'application/merge-patch+json', content: { spec: { replicas: 0 } } },
    });
  } catch (error) {
    if (statusOf(error) !== HTTP_STATUS.notFound) throw error;
  }
}
