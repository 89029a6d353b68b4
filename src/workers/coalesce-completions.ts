import { setTimeout as rest } from 'node:timers/promises';
import type { EffectCall } from '../transport/dispatch.ts';

/** How long an answer waits for the others of its dispatch, in ms. */
const AT_MOST = 20;

interface Company {
  calls: number;
  gone: Promise<void>;
  leave(): void;
}

/**
 * Lets the answers to a dispatch's calls leave this process together, once none of them is under
 * way here, or after `atMostMs`. Each answer wakes the workflow: by themselves six of one event
 * have it run three times where two do, while the last effects still need the processor.
 */
export function coalescingCompletions(atMostMs = AT_MOST) {
  const companies = new Map<string, Company>();
  return <Answer>(make: (call: EffectCall) => Promise<Answer>): typeof make =>
    async (call) => {
      const company = companies.get(call.dispatch_id) ?? found();
      companies.set(call.dispatch_id, company);
      company.calls += 1;
      try {
        return await make(call);
      } finally {
        company.calls -= 1;
        if (company.calls > 0) await Promise.race([company.gone, rest(atMostMs)]);
        else {
          companies.delete(call.dispatch_id);
          company.leave();
        }
      }
    };
}

function found(): Company {
  let leave = () => {};
  const gone = new Promise<void>((resolve) => {
    leave = resolve;
  });
  return { calls: 0, gone, leave };
}
