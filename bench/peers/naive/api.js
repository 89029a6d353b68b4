// The floor: begin, insert the message, insert an outbox row, commit. Nothing happens afterwards.
import { serveMessages } from '../message-api.js';
import { insertMessage, sql } from '../store.js';

serveMessages({
  store: (message) =>
    sql.begin(async (tx) => {
      const row = await insertMessage(tx, message);
      await tx`insert into outbox (type, message_id, payload) values ('message.created', ${row.id}, ${sql.json(message)})`;
      return row;
    }),
});
