import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';

/**
 * What search did for one message is gone, receipt and all, as after a restore of a part of the
 * database.
 */
export const missingEffect: Drill = {
  name: 'missing-effect',
  summary: 'an effect that has not happened, and that no dispatch is running for',
  complaint: '"One message can\'t be found. All the others can."',
  async begin(stage) {
    const { pg } = stage;
    const customer = await Customer.at(stage, 'a thorough reader');
    const messages = await customer.postMany(5, (n) => `chapter ${n}`);
    const { id, event_id } = messages[2];
    const receipt = () =>
      pg`select from knockon.receipts where event_id = ${event_id} and subscriber = 'search'`;
    await stage.until('that search has done it', async () => (await receipt()).length === 1);
    await stage.until('that its workflow has ended', async () => {
      const [row] =
        await pg`select from knockon.dispatches d join knockon.outbox o on o.dispatch_id = d.id
        where o.event_id = ${event_id} and (select count(*) from knockon.receipts r where r.event_id = o.event_id) >= cardinality(d.subscribers)`;
      return row !== undefined;
    });
    await pg`delete from knockon.search_documents where message_id = ${id}`;
    await pg`delete from knockon.receipts where event_id = ${event_id} and subscriber = 'search'`;
    const [dispatch] = await pg<
      { id: string }[]
    >`select dispatch_id as id from knockon.outbox where event_id = ${event_id}`;
    stage.env.KNOCKON_API_KEY = customer.key;
    return {
      words: { MESSAGE_ID: id, WORKFLOW_ID: dispatch!.id },
      async remains() {
        const found = await customer.ask('GET', `/v1/search?q=chapter`);
        return found.data.length === 5 && (await receipt()).length === 1
          ? null
          : `${5 - found.data.length} of 5 messages can't be found`;
      },
    };
  },
};
