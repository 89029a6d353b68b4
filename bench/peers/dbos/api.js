// DBOS: message and a workflow of six steps in one transaction, the workflow by DBOS's own function
// in the database.
import { serveMessages } from '../message-api.js';
import { insertMessage, sql } from '../store.js';

const ordered = process.env.ORDERED === '1';

const enqueue = (tx, { id, channel_id }) => tx`
  select dbos.enqueue_workflow(
    workflow_name => 'onMessageCreated', queue_name => 'messages',
    positional_args => array[to_json(${id}::text)], queue_partition_key => ${ordered ? channel_id : null})`;

serveMessages({
  store: (message) =>
    sql.begin(async (tx) => {
      const row = await insertMessage(tx, message);
      await enqueue(tx, { ...message, id: row.id });
      return row;
    }),
  fill: (messages) => sql`
    select dbos.enqueue_workflow(
      workflow_name => 'onMessageCreated', queue_name => 'messages', positional_args => array[to_json(id::text)])
    from unnest(${messages.map(({ id }) => id)}::uuid[]) as m (id)`,
});
