import type { Steering } from './controls.ts';
import { type Pause, pause } from './pause.ts';

/**
 * Lets nothing new begin while what runs ends as it would: a pause whose subscriber says `drained`
 * once no worker is at any call of it, so that its workers can be stopped or changed without
 * breaking a call off. `resume` ends it.
 */
export const drain = (steering: Steering, given: Omit<Pause, 'verb'>): Promise<boolean> =>
  pause(steering, { ...given, verb: 'drain' });
