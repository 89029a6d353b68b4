// An application of its own that emits in SQL: it stores its message and emits in one transaction,
// over eight connections. Whose events these are says the worker beside it.
import { serveMessages } from '../message-api.js';
import { insertMessage, sql } from '../store.js';

const type = process.env.EVENT_TYPE;

serveMessages({
  store: (message) =>
    sql.begin(async (tx) => {
      const { created_at } = await insertMessage(tx, message);
      const { workspace_id, channel_id, author, text } = message;
      const [{ id }] = await tx`
        select knockon.emit(${type}, ${workspace_id}::uuid, ${sql.json({ author, text })},
          key => ${channel_id}) as id`;
      return { id, created_at };
    }),
});
