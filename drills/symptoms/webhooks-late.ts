import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { answer, openReceiver } from '../parts/receiver.ts';

/** What their gateway lets through in a second. */
const BEARS = 5;

/**
 * Beyond that everything is refused until nothing has come for so long, in ms. The first tries of a
 * resting endpoint are refused too, so there is time to look.
 */
const REFUSES_FOR = 8000;

/** A customer's gateway that is given more than it bears, and then refuses everything. */
export const webhooksLate: Drill = {
  name: 'webhooks-late',
  summary: "a customer's endpoint that refuses what it is sent",
  complaint:
    '"Your webhooks reach us many minutes late, or not at all." It is one customer who says so.',
  async begin(stage) {
    const customer = await Customer.at(stage, 'a small shop');
    const endpoint = await customer.subscribe(
      await openReceiver(stage, ({ response }) => answer(response, gateway() ? 200 : 429)),
    );
    const messages = 30;
    await customer.postMany(messages, (n) => `order ${n}`);
    const row = async () =>
      (
        await stage.pg`select failing_since, max_per_second from knockon.endpoints where id = ${endpoint}`
      )[0];
    await stage.until(
      'that the endpoint is left alone',
      async () => (await row())?.failing_since != null,
    );
    return {
      words: { ENDPOINT_ID: endpoint },
      async remains() {
        const open = messages - (await customer.deliveries(endpoint, 'delivered'));
        return open > 0 ? `${open} webhooks have not arrived` : null;
      },
    };
  },
};

let [second, count, closedUntil] = [0, 0, 0];

/** @returns whether it lets a request through */
function gateway(now = Date.now()): boolean {
  if (now - second > 1000) [second, count] = [now, 0];
  count += 1;
  if (now >= closedUntil && count <= BEARS) return true;
  closedUntil = now + REFUSES_FOR;
  return false;
}
