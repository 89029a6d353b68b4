import { describe, expect, it } from 'vitest';
import { networkVerdicts } from '../../../chaos/network/checks.ts';
import { type PastFault, wrongAnswers } from '../../../chaos/network/expected-readiness.ts';
import { type Fault, faultKinds, planFaults } from '../../../chaos/network/fault-plan.ts';
import { randomFrom } from '../../../chaos/random.ts';
import type { Probe } from '../../../chaos/readiness.ts';
import { ResponseTimes } from '../../../chaos/traffic/response-times.ts';

function first(count: number, seed: number): Fault[] {
  const plan = planFaults(randomFrom(seed));
  return Array.from({ length: count }, () => plan.next().value);
}

describe('the plan of troubles', () => {
  it('follows from its seed', () => {
    expect(first(20, 71)).toEqual(first(20, 71));
    expect(first(20, 71)).not.toEqual(first(20, 4242));
  });

  it('comes to each kind before any comes again, and each lasts from 5 to 40 s', () => {
    const troubles = first(10 * faultKinds.length, 7);
    for (let n = 0; n < troubles.length; n += faultKinds.length) {
      const round = troubles.slice(n, n + faultKinds.length).map(({ kind }) => kind);
      expect(round.sort()).toEqual([...faultKinds].sort());
    }
    for (const { forMs, afterMs } of troubles) {
      expect(forMs).toBeGreaterThanOrEqual(5000);
      expect(forMs).toBeLessThanOrEqual(40_000);
      expect(afterMs).toBeGreaterThanOrEqual(2000);
    }
  });
});

const frozen: PastFault = {
  kind: 'frozen',
  began: 100_000,
  ended: 120_000,
  movedAfter: 900,
  readyAfter: 500,
};
const probe = (at: number, status: number | null, ms = 20): Probe => ({ at, url: '', status, ms });

describe('the truth about readiness', () => {
  it('is 200 before a trouble, 503 in it, and 200 again 20 s after it', () => {
    const probes = [probe(90_000, 200), probe(110_000, 503), probe(140_500, 200)];
    expect(wrongAnswers(probes, [frozen])).toEqual([]);
    const lies = [probe(90_000, 503), probe(110_000, 200), probe(140_500, 503)];
    expect(wrongAnswers(lies, [frozen])).toEqual([
      'before any trouble: it said 503 instead of 200',
      'frozen, 10.0 s after its beginning: it said 200 instead of 503',
      '20.5 s after frozen: it said 503 instead of 200',
    ]);
  });

  it('may be either while things change', () => {
    const changing = [100_500, 119_990, 121_000, 139_000];
    expect(
      wrongAnswers(
        [...changing.map((at) => probe(at, 200)), ...changing.map((at) => probe(at, 503))],
        [frozen],
      ),
    ).toEqual([]);
  });

  it('has to be told within 2 s, also while new connections work', () => {
    const forgotten: PastFault = { ...frozen, kind: 'forgotten' };
    expect(wrongAnswers([probe(110_000, 200), probe(111_000, 503)], [forgotten])).toEqual([]);
    expect(
      wrongAnswers([probe(110_000, 503, 6000), probe(111_000, null, 20_000)], [forgotten]),
    ).toHaveLength(2);
  });
});

describe('what those who call see', () => {
  const call = {
    method: 'POST',
    path: '/v1/channels/01a22264-376f-7192-81d9-a05d0300d9a0/messages',
    key: '',
  };
  const see = (...seen: { status: number | null; ms: number; hasRetryAfter?: boolean }[]) => {
    const promptness = new ResponseTimes();
    for (const one of seen) promptness.see({ call, at: 0, hasRetryAfter: false, ...one });
    return promptness;
  };
  const wrong = (promptness: ResponseTimes, past: PastFault[] = []) =>
    networkVerdicts({ past, probes: [], promptness }).map((verdict) => verdict.wrong);

  it('is right where it is answered within 15 s, or refused with 503 and Retry-After', () => {
    const promptness = see(
      { status: 201, ms: 14_000 },
      { status: 503, ms: 10, hasRetryAfter: true },
      { status: 404, ms: 1 },
    );
    expect(wrong(promptness, [frozen])).toEqual([[], [], [], []]);
  });

  it('is wrong where no answer comes, or a late one, or another refusal', () => {
    const promptness = see(
      { status: null, ms: 30_000 },
      { status: 201, ms: 15_500 },
      { status: 503, ms: 10 },
      { status: 500, ms: 10 },
    );
    expect(wrong(promptness).slice(0, 2)).toEqual([
      [
        'POST /v1/channels/ID/messages, 00:00:00Z: no answer in 30.0 s',
        'POST /v1/channels/ID/messages, 00:00:00Z: answered 201 after 15.5 s',
      ],
      [
        'POST /v1/channels/ID/messages, 00:00:00Z: answered 503 without Retry-After',
        'POST /v1/channels/ID/messages, 00:00:00Z: answered 500 without Retry-After',
      ],
    ]);
  });

  it('is wrong where all is well again only after 20 s, or not at all', () => {
    const late = [
      { ...frozen, movedAfter: 25_000 },
      { ...frozen, readyAfter: null },
    ];
    expect(wrong(see(), late).at(-1)).toHaveLength(2);
  });
});
