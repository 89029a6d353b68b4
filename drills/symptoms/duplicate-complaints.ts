import { setTimeout as wait } from 'node:timers/promises';
import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { answer, openReceiver } from '../parts/receiver.ts';

/** How long their server works on one webhook, in ms. */
const WORK = 1_400;

/**
 * Orders that come together: so many that the last is answered later than anybody waits, 2 s in a
 * product of our own, else 10 s.
 */
const TOGETHER = { own: 3, running: 10 };

/**
 * A customer's server that does its work before it answers, one webhook after another: whoever is
 * behind others is answered too late.
 */
export const duplicateComplaints: Drill = {
  name: 'duplicate-complaints',
  summary: 'an endpoint that does what it is told, and answers too late',
  complaint: '"You send us orders twice. We ship them twice." It is one customer who says so.',
  async begin(stage) {
    const customer = await Customer.at(stage, 'a warehouse');
    const done: string[] = [];
    let queue = Promise.resolve();
    const url = await openReceiver(stage, ({ id, response }) => {
      queue = queue.then(async () => {
        await wait(WORK, undefined, { ref: false });
        done.push(id);
        answer(response, 200);
      });
    });
    const endpoint = await customer.subscribe(url);
    const together = stage.isOwn ? TOGETHER.own : TOGETHER.running;
    const doubles = () => done.length - new Set(done).size;
    let [isOver, isClean] = [false, false];
    /** Orders go on coming, until some have come without a double. */
    const orders = async () => {
      for (let sent = 0; !isOver && !isClean; await wait(2000)) {
        const before = doubles();
        await customer.postMany(together, (n) => `order ${sent + n}`);
        sent += together;
        while (!isOver && (await customer.deliveries(endpoint, 'delivered')) < sent)
          await wait(200);
        isClean = !isOver && doubles() === before;
      }
    };
    const ordering = orders().catch(() => {});
    stage.afterwards(async () => {
      isOver = true;
      await ordering;
    });
    await stage.until('that something has come twice', async () => doubles() > 0);
    return {
      words: { ENDPOINT_ID: endpoint },
      remains: async () => (isClean ? null : `${doubles()} orders have come twice, and more will`),
    };
  },
};
