import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { POISON, TRANSLATIONS } from '../parts/poison.ts';
import { startScript } from '../parts/worker.ts';
import type { Stage } from '../product/stage.ts';

/** One message that an ordered effect fails at whenever it tries: its channel stands still. */
export const poisonMessage: Drill = {
  name: 'poison-message',
  summary: 'one message that an effect fails at each time, with others waiting behind it',
  complaint: '"In one channel nothing has been translated for an hour. In the others all is well."',
  async begin(stage) {
    const customer = await Customer.at(stage, 'a museum');
    const worker = await startScript(
      stage,
      new URL('../workers/translations.ts', import.meta.url),
      {},
    );
    stage.afterwards(() => unsubscribe(stage));
    await customer.post('the first stone');
    const { id } = await customer.post(`the second one says ${POISON}`);
    for (let n = 0; n < 5; n += 1) await customer.post(`stone ${n + 3}`);
    const letters = () =>
      stage.pg<
        { id: string }[]
      >`select id from knockon.dead_letters where subscriber = ${TRANSLATIONS}`;
    await stage.until('that it is given up', async () => (await letters()).length === 1);
    stage.env.KNOCKON_API_KEY = customer.key;
    return {
      words: { MESSAGE_ID: id, LETTER_ID: (await letters())[0]!.id },
      async remains() {
        if (!worker.isRunning()) return 'its worker does not run';
        if ((await letters()).length > 0) return 'the message is still in the way';
        const open = await openEvents(stage);
        return open > 0 ? `${open} messages wait behind it` : null;
      },
    };
  },
};

/** What is dispatched to the made-up subscriber and not done. */
async function openEvents({ pg }: Stage): Promise<number> {
  const [row] = await pg<{ n: number }[]>`
    select count(*)::int as n from knockon.dispatches d join knockon.outbox o on o.dispatch_id = d.id
    where ${TRANSLATIONS} = any(d.subscribers)
      and not exists (select from knockon.receipts r where r.event_id = o.event_id and r.subscriber = ${TRANSLATIONS})`;
  return row?.n ?? 0;
}

/** Nothing is left open that nobody would do. */
async function unsubscribe(stage: Stage): Promise<void> {
  await stage.pg`delete from knockon.subscribers where name = ${TRANSLATIONS}`;
  await stage.until('that nothing waits for the made-up subscriber', async () => {
    const body = { filter: { subscriber: TRANSLATIONS }, reason: 'the drill is over' };
    if ((await openEvents(stage)) > 0)
      await stage.call('POST', '/v1/ops/dead_letters/discard', body);
    return (await openEvents(stage)) === 0;
  });
}
