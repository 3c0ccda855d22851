import { setTimeout as delay } from 'node:timers/promises';
import type { HostPlan } from '../../lab/network-plan.ts';
import { writeFilesVolumes } from '../../lab/pod.ts';
import { type LabState, labState } from '../../lab/state.ts';
import { networkOf, targetOf } from '../../lab/targets.ts';

const FILE = 'config.yaml';

/** Makes a node's settings file from that of the release. */
type Change = (text: string, host: HostPlan) => string;

/** The settings file of a release. */
export function settingsOf(release: LabState['release']): string {
  const texts = Object.values(release.volumes).map((volume) => volume.kind === 'files' && volume.files[FILE]);
  const text = texts.find((each) => typeof each === 'string');
  if (typeof text !== 'string') throw new Error(`the release has no ${FILE}`);
  return text;
}

/**
 * Gives every node of a lab a settings file of its own, until the next upgrade.
 * @param apartMs how far apart nodes get theirs
 * @returns what each has now, in the nodes' order
 */
export async function writeSettings(lab: string, change: Change, apartMs = 0): Promise<string[]> {
  const texts: string[] = [];
  await labState(lab).change(async (state) => {
    for (const host of networkOf(state).nodes) {
      if (texts.length > 0) await delay(apartMs); // the time is what is asked for
      const { pod } = targetOf(state, host.name);
      const text = change(settingsOf(pod.release), host);
      await writeFilesVolumes({ ...pod, release: withSettings(pod.release, text) });
      texts.push(text);
    }
    return state;
  });
  return texts;
}

function withSettings(release: LabState['release'], text: string): LabState['release'] {
  const volumes = Object.entries(release.volumes).map(([name, volume]) =>
    volume.kind === 'files' && FILE in volume.files
      ? ([name, { ...volume, files: { ...volume.files, [FILE]: text } }] as const)
      : ([name, volume] as const),
  );
  return { ...release, volumes: Object.fromEntries(volumes) };
}
