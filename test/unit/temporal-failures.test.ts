import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { CallFailure, FAILURE } from '../../src/transport/retry/failure.ts';
import { temporalFailures } from '../../src/workers/temporal-failures.ts';

/** What Temporal gets of an activity that throws this. */
async function thrownAs(error: unknown): Promise<unknown> {
  const [intercept] = temporalFailures ?? [];
  const execute = intercept?.({} as never).inbound?.execute;
  const next = async () => {
    throw error;
  };
  return await execute?.({} as never, next).catch((failure: unknown) => failure);
}

describe('a failure of a call, for Temporal', () => {
  it('keeps its type, its short cause and the wait that the other side asked for', async () => {
    const failure = new CallFailure(FAILURE.retry, 'slow down', {
      shortCause: 'HTTP 429',
      afterMs: 7000,
    });
    const thrown = await thrownAs(failure);
    expect(thrown).toBeInstanceOf(ApplicationFailure);
    expect(thrown).toMatchObject({
      type: 'EffectRetry',
      message: 'slow down',
      details: ['HTTP 429'],
      nextRetryDelay: 7000,
      nonRetryable: false,
    });
  });

  it('is repeated by the policy where nobody asked for a wait', async () => {
    const thrown = await thrownAs(new CallFailure(FAILURE.poison, 'broken'));
    expect(thrown).toMatchObject({ type: 'EffectPoison', details: ['broken'] });
    expect(thrown).toMatchObject({ nextRetryDelay: undefined, nonRetryable: false });
  });

  it('stays as it is where Temporal made it', async () => {
    const failure = ApplicationFailure.create({ type: 'OperationFailed', message: 'no' });
    expect(await thrownAs(failure)).toBe(failure);
  });

  it('loses what people wrote where it may be anything', async () => {
    const thrown = await thrownAs(new Error('no user "ada@example.com"'));
    expect(String((thrown as Error).message)).not.toContain('ada');
  });
});
