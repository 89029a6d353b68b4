import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyResponse } from '../../../src/activities/runtime/http/classify-response.ts';
import type { HttpAttempt } from '../../../src/activities/runtime/http/http-attempt.ts';

const url = 'https://shop.example:8443/hooks?token=secret';
const attempt = (rest: Partial<HttpAttempt>): HttpAttempt => ({
  status: null,
  latencyMs: 5,
  failure: null,
  excerpt: null,
  retryAfter: null,
  ...rest,
});
const classified = (rest: Partial<HttpAttempt>) =>
  classifyResponse(attempt(rest), url, 'message.created');

describe('the answer of an endpoint', () => {
  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [301, 'retry'],
    [400, 'retry'],
    [404, 'retry'],
    [410, 'gone'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ])('HTTP %i means %s', (status, state) => {
    expect(classified({ status }).state).toBe(state);
  });

  it('is retried when the endpoint says so, at 429 and 503 alone', () => {
    const wait = { retryAfter: '30' };
    expect(classified({ status: 429, ...wait })).toMatchObject({ after_ms: 30_000 });
    expect(classified({ status: 503, ...wait })).toMatchObject({ after_ms: 30_000 });
    expect(classified({ status: 500, ...wait })).toMatchObject({ after_ms: undefined });
  });

  it('is quoted in the reason, on one line and cut, and nowhere else', () => {
    const excerpt = `out\n of   order ${'🎉'.repeat(300)}`;
    const answer = classified({ status: 500, excerpt });
    expect(answer).toMatchObject({
      cause: 'HTTP 500',
      short: 'shop.example:8443 answered 500 to message.created',
      host: 'shop.example:8443',
    });
    const { reason } = answer as { reason: string };
    expect(reason).toMatch(
      /^shop\.example:8443 answered 500 to message\.created: out of order 🎉+$/u,
    );
    expect(Array.from(reason.split('created: ')[1] ?? '')).toHaveLength(200);
  });

  it('says of a redirect that it is not followed', () => {
    expect(classified({ status: 302 })).toMatchObject({
      short: expect.stringContaining('redirects are not followed'),
    });
  });
});

describe('where there is no answer', () => {
  it.each([
    [false, 'retry'],
    [true, 'dead'],
  ])('a failure that is final (%s) means %s', (final, state) => {
    const failure = { cause: 'timeout', detail: 'no answer within 3000 ms', final };
    expect(classified({ failure })).toEqual({
      state,
      cause: 'timeout',
      reason:
        'shop.example:8443 could not be given message.created: timeout (no answer within 3000 ms)',
      short: 'shop.example:8443 could not be given message.created: timeout',
      host: 'shop.example:8443',
    });
  });
});

it('every status is of one class, and what is in the URL beside the host is never told', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fc.string(), (status, excerpt) => {
      const answer = classified({ status, excerpt });
      expect(answer.state === 'delivered').toBe(status >= 200 && status < 300);
      expect(answer.state === 'gone').toBe(status === 410);
      if ('short' in answer) expect(answer.short).not.toMatch(/secret/);
    }),
  );
});
