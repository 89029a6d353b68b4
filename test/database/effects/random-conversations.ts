import fc from 'fast-check';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import type { Database } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { type Conversation, deliver, startConversation } from './conversation.ts';

type Step =
  | { do: 'post'; author: string; channel: number; hour: number; text: string }
  | { do: 'edit'; which: number; text: string }
  | { do: 'remove'; which: number }
  | { do: 'deliver'; order: number[] };

const text = fc.constantFrom(
  'red car',
  'blue coupon_code',
  'https://x.com/a_coupon',
  'customerID',
  '-12',
  '',
);

/**
 * What may happen in two channels, in any order, with groups of events delivered in between, in any
 * order too.
 */
export const randomSteps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('post' as const),
        author: fc.constantFrom('ada', 'bob', 'Zoë'),
        channel: fc.nat(1),
        hour: fc.nat(2),
        text,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('edit' as const), which: fc.nat(), text }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('deliver' as const),
        order: fc.array(fc.nat(), { maxLength: 6 }),
      }),
    },
  ),
  { maxLength: 25 },
) as fc.Arbitrary<Step[]>;

/** Lets it happen; in the end every event has been delivered exactly once. */
export async function playSteps(
  database: Database,
  effect: Effect,
  steps: Step[],
  lastOrder: number[],
): Promise<Conversation> {
  const talk = await startConversation(database, { channels: 2 });
  const posted: string[] = [];
  const delivered = new Set<string>();
  const open = async () => (await talk.events()).filter((event) => !delivered.has(event.id));
  const send = async (group: DomainEvent[]) => {
    for (const event of group) delivered.add(event.id);
    if (group.length > 0) await deliver(database, effect, group);
  };
  for (const step of steps) {
    if (step.do === 'post') {
      const sentAt = new Date(Date.UTC(2024, 0, 1, step.hour, 30));
      posted.push((await talk.post(step.text, { ...step, sentAt })).id);
    } else if (step.do === 'deliver') await send(picked(await open(), step.order));
    else {
      const id = posted[step.which % posted.length];
      if (id && step.do === 'edit') await talk.edit(id, step.text);
      if (id && step.do === 'remove') await talk.remove(id);
    }
  }
  const rest = await open();
  await send(picked(rest, lastOrder));
  await send((await open()).reverse());
  return talk;
}

function picked(events: DomainEvent[], order: number[]): DomainEvent[] {
  const left = [...events];
  return order.flatMap((n) => (left.length > 0 ? left.splice(n % left.length, 1) : []));
}
