import type { AppOptions } from '../engine/load.ts';
import { loadApplication } from '../engine/load.ts';
import type { Kind } from '../interface/types.ts';
import { describeFailure } from './applications.ts';

export interface ProbeTask {
  apps: readonly AppOptions[];
  directory: string;
}

export type ProbeResult = { kinds: Kind[] } | { message: string; configuration: boolean };

/** Loads applications on a thread that serves nothing, to learn their kinds and whether they load at all (B-01). */
export async function probeApplications({ apps, directory }: ProbeTask): Promise<ProbeResult> {
  try {
    const kinds: Kind[] = [];
    for (const app of apps) kinds.push((await loadApplication(app, directory)).kind);
    return { kinds };
  } catch (error) {
    return describeFailure(error);
  }
}
