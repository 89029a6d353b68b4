// Everything in the handler: the message is committed, then the six effects, and only then the
// answer. What a crash interrupts is lost.
import { serveMessages } from '../message-api.js';
import { effects, happen, insertMessage, sql } from '../store.js';

serveMessages({
  async store(message) {
    const row = await insertMessage(sql, message);
    await Promise.all(effects.map((effect) => happen(effect, row.id)));
    return row;
  },
});
