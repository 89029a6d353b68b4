import { setTimeout as wait } from 'node:timers/promises';
import type { EffectCall } from '../transport/dispatch.ts';

/** How long an answer waits for the others of its dispatch, in ms. */
const AT_MOST = 20;

/** The calls of one dispatch that are under way in this process. */
interface Group {
  calls: number;
  ended: Promise<void>;
  end(): void;
}

/**
 * Delays answers by up to 20 ms, so that those of one dispatch leave this process together. Each
 * answer wakes the workflow: separately, six of them cause three workflow tasks instead of two.
 *
 * @param atMostMs for tests
 */
export function coalescingCompletions(atMostMs = AT_MOST) {
  const groups = new Map<string, Group>();
  return <Answer>(next: (call: EffectCall) => Promise<Answer>): typeof next =>
    async (call) => {
      const { dispatch_id } = call;
      const group = groups.get(dispatch_id) ?? newGroup();
      groups.set(dispatch_id, group);
      group.calls += 1;
      try {
        return await next(call);
      } finally {
        group.calls -= 1;
        if (group.calls > 0) await Promise.race([group.ended, wait(atMostMs)]);
        else {
          groups.delete(dispatch_id);
          group.end();
        }
      }
    };
}

function newGroup(): Group {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { calls: 0, ended, end };
}
