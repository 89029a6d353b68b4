import type { Stage } from './product/stage.ts';

/** One thing that goes wrong, produced for real, so that its cure can be practised. */
export interface Drill {
  /** As in `npm run drill -- NAME`; the runbook's section says it too. */
  name: string;
  /** What it produces, in a line. */
  summary: string;
  /** What people say who suffer from it. Never says why. */
  complaint: string;
  /**
   * What of the product it stops or holds up for everybody; a running one is asked for with `--yes`
   * before.
   */
  stops?: string;
  /**
   * Produces the symptom, and returns once it can be seen. What it does is undone by
   * `stage.afterwards`.
   */
  begin(stage: Stage): Promise<Scene>;
}

/** A symptom that is there. */
export interface Scene {
  /** What the runbook's commands leave open, such as MESSAGE_ID. */
  words: Record<string, string>;
  /** What is still wrong; null once it is cured. */
  remains(): Promise<string | null>;
}
