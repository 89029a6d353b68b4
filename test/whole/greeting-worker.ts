// A worker that somebody else deploys: one effect of their own, from outside this version's list.
import { defineEffect, runEffects, sql } from '../../src/index.ts';

const greetings = defineEffect({
  name: 'greetings',
  description: 'Writes a greeting for each message.',
  on: ['message.created'],
  async transact(tx, events) {
    for (const { message_id, payload } of events) {
      await tx.execute(
        sql`insert into greetings (message_id, text) values (${message_id}, ${`Hello, ${payload.author}!`})`,
      );
    }
  },
});

const running = await runEffects({ effects: [greetings] });
process.send?.({ ready: true });
await running.ended;
process.exit();
