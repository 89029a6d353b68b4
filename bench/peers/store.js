// What every peer stores: a message, and a small row for each of its six effects.
import postgres from 'postgres';

export const sql = postgres(process.env.DATABASE_URL, {
  max: Number(process.env.POOL ?? 16),
  onnotice: () => {},
});

/** The side effects of a message. */
export const effects = ['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'];

/** @param tx a transaction or the pool */
export async function insertMessage(tx, { workspace_id, channel_id, author, text }) {
  const [row] = await tx`
    insert into public.messages (workspace_id, channel_id, author, text)
    values (${workspace_id}, ${channel_id}, ${author}, ${text}) returning id, created_at`;
  return row;
}

/**
 * One effect of one message. A second time changes nothing, as must be where a queue delivers at
 * least once.
 */
export const happen = (effect, messageId) =>
  sql`insert into effect_log (effect, message_id) values (${effect}, ${messageId}) on conflict do nothing`;

/** Says that the worker is ready, and ends it when it is told to. */
export function workUntilTold(close) {
  process.send?.({ ready: true });
  process.once('SIGTERM', async () => {
    await close();
    await sql.end({ timeout: 1 });
    process.exit(0);
  });
}
