import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { answer, openReceiver } from '../parts/receiver.ts';

const MESSAGES = 400;

/** Somebody replays a customer's webhooks, all of them, by force and at any pace. */
export const runawayReplay: Drill = {
  name: 'runaway-replay',
  summary: 'a replay that sends old webhooks once more, and must stop',
  complaint:
    '"We are getting all of last month\'s webhooks again, and our server can hardly keep up!" It is one customer who says so.',
  async begin(stage) {
    const customer = await Customer.at(stage, 'a bank');
    let isBusy = false;
    const url = await openReceiver(
      stage,
      ({ response }) => void setTimeout(() => answer(response, 200), isBusy ? 1000 : 0).unref(),
    );
    const endpoint = await customer.subscribe(url);
    stage.tell(`posting ${MESSAGES} messages …`);
    await customer.postMany(MESSAGES, (n) => `statement ${n}`);
    await stage.until(
      'that all are delivered',
      async () => (await customer.deliveries(endpoint, 'delivered')) === MESSAGES,
    );
    isBusy = true;
    const body = {
      subscriber: 'webhooks',
      workspace_id: customer.workspaceId,
      force: true,
      per_second: 10_000,
      dry_run: false,
    };
    const { id } = await stage.ask('POST', '/v1/ops/replays', body);
    const operation = () => stage.ask('GET', `/v1/ops/operations/${id}`);
    stage.afterwards(() => stage.call('POST', `/v1/ops/operations/${id}/cancel`));
    // What it has begun by then comes quickly, so that nothing is left behind.
    stage.afterwards(() => (isBusy = false));
    await stage.until(
      'that it sends',
      async () => (await customer.deliveries(endpoint, 'pending')) > 0,
    );
    return {
      words: { OPERATION_ID: id },
      async remains() {
        const { state } = await operation();
        if (state === 'done') return 'it was not stopped: everything was sent again';
        return state === 'cancelled' ? null : `the replay is ${state}`;
      },
    };
  },
};
