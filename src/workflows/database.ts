import { proxyActivities } from '@temporalio/workflow';
import type { AnsweredFor, DeadLetters } from '../transport/dispatch.ts';

interface Activities {
  recordDeadLetters(letters: DeadLetters): Promise<void>;
  areOfCall(answered: AnsweredFor): Promise<boolean>;
}

/** What workflows need done in the database; on their own queue. */
export const database = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  // While the database is away, this keeps trying: it follows soon after the database is back.
  retry: { maximumInterval: '5s' },
});
