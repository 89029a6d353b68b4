import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { answer, openReceiver } from '../parts/receiver.ts';

/** How long their server works on one webhook, in ms: of several at once all but the first are answered later than anybody waits. */
const WORK = { own: 1_200, running: 6_000 };

/** A customer's server that does its work before it answers, one webhook at a time: whoever is behind others is answered too late. */
export const duplicateComplaints: Drill = {
  name: 'duplicate-complaints',
  summary: 'an endpoint that does what it is told, and answers too late',
  complaint: '"You send us orders twice. We ship them twice." It is one customer who says so.',
  async begin(stage) {
    const customer = await Customer.at(stage, 'a warehouse');
    const work = stage.isOwn ? WORK.own : WORK.running;
    const done = new Map<string, number>();
    let queue = Promise.resolve();
    const url = await openReceiver(stage, ({ id, response }) => {
      queue = queue.then(async () => {
        await new Promise((resolve) => setTimeout(resolve, work).unref());
        done.set(id, (done.get(id) ?? 0) + 1);
        answer(response, 200);
      });
    });
    const endpoint = await customer.subscribe(url);
    const messages = 4;
    await customer.postMany(messages, (n) => `order ${n}`);
    const doubles = () => [...done.values()].filter((times) => times > 1).length;
    await stage.until('that something has come twice', async () => doubles() > 0);
    return {
      words: { ENDPOINT_ID: endpoint },
      async remains() {
        const open = messages - (await customer.deliveries(endpoint, 'delivered'));
        return open > 0 ? `${open} of ${messages} orders are still sent again and again` : null;
      },
    };
  },
};
