import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => JSON.parse(readFileSync(root + path, 'utf8'));

// Recorded events are called e1, e2 and so on: formats are not looked at.
const ajv = new Ajv2020({ allErrors: true, validateFormats: false });
const schema = (name: string) => ajv.compile(read(`docs/reference/schemas/${name}.json`));
const schemas = {
  call: schema('effect-call'),
  answer: schema('effect-answer'),
  registration: schema('registration'),
};

/** Whether it fits, or why not. */
const fits = (name: keyof typeof schemas, value: unknown) =>
  schemas[name](value) || ajv.errorsText(schemas[name].errors);

interface HistoryEvent {
  eventId: string;
  activityTaskScheduledEventAttributes?: { activityType: { name: string }; input: Payloads };
  activityTaskCompletedEventAttributes?: { scheduledEventId: string; result?: Payloads };
}
interface Payloads {
  payloads: { data: string }[];
}

const decode = ({ payloads: [first] }: Payloads) =>
  JSON.parse(Buffer.from(first!.data, 'base64').toString());

/** Calls of effects and their answers, as Temporal kept them. */
const seen = readdirSync(`${root}test/histories`)
  .filter((file) => file.endsWith('.json'))
  .flatMap((file) => {
    const { events } = read(`test/histories/${file}`) as { events: HistoryEvent[] };
    const calls = events.filter(({ activityTaskScheduledEventAttributes: of }) =>
      ['recordDeadLetters', undefined].every((name) => of?.activityType.name !== name),
    );
    const ids = new Set(calls.map(({ eventId }) => eventId));
    const answers = events.flatMap(({ activityTaskCompletedEventAttributes: of }) =>
      of?.result && ids.has(of.scheduledEventId) ? [decode(of.result)] : [],
    );
    return {
      file,
      calls: calls.map((call) => decode(call.activityTaskScheduledEventAttributes!.input)),
      answers,
    };
  });

describe("the protocol's schemas", () => {
  it.each(seen)('fit the calls and answers of a recorded workflow: $file', ({ calls, answers }) => {
    for (const call of calls) expect(fits('call', call)).toBe(true);
    for (const answer of answers) expect(fits('answer', answer)).toBe(true);
  });

  it('know every member that was ever recorded', () => {
    const all = seen.flatMap(({ calls }) => calls.flatMap((call) => Object.keys(call)));
    const known = read('docs/reference/schemas/effect-call.json').properties;
    expect([...new Set(all)].filter((member) => !(member in known))).toEqual([]);
    expect(all.length).toBeGreaterThan(100);
  });

  it.each([
    ['answer', { done: 2, open: null, put_off: null, put_off_ms: null, takes_targets: null }],
    ['answer', { done: 0, open: [{ event_id: 'x', state: 'dead', reason: 'r', target: null }] }],
    ['registration', { name: 'ledger', event_types: ['*'], again: null, retry: { backoff: null } }],
  ] as const)('take null for what is not said: %s %j', (name, value) => {
    expect(fits(name, value)).toBe(true);
  });

  it.each([
    ['answer', null],
    ['answer', { open: [] }],
    ['answer', { done: 0 }],
    ['answer', { done: 0, open: [{ event_id: 'x', state: 'maybe', reason: 'r' }] }],
    ['answer', { done: 0, open: [{ event_id: 'x', state: 'retry' }] }],
    ['call', { dispatch_id: 'x', subscriber: 's', events: { ids: [], limit: 1 }, alone: true }],
    ['registration', { name: 'ledger', event_types: ['invoice.paid'], ordering: 'key' }],
    ['registration', { name: 'ledger', event_types: [], url: 'https://…' }],
  ] as const)('refuse what is none: %s %j', (name, value) => {
    expect(fits(name, value)).toEqual(expect.any(String));
  });
});
