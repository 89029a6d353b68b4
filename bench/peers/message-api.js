// The API of a peer: the same for all of them but for what it does with a message. Plain
// JavaScript, like all programs of the peers: they run as node runs them, without a loader whose
// memory and time would be counted with theirs.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { sql } from './store.js';

/**
 * Serves `POST /channels/:id/messages`, asks for no key and checks nothing.
 *
 * @param peer.store stores a message and sees to its effects; resolves with the row
 * @param peer.fill given ids of messages that are stored: lets their effects wait, as fast as the
 * peer can; none: there are no effects
 * @param peer.close ends what the peer has opened
 */
export function serveMessages({ store, fill, close }) {
  const app = new Hono().post('/channels/:id/messages', async (c) => {
    const { author, text, workspace_id } = await c.req.json();
    const message = { workspace_id, channel_id: c.req.param('id'), author, text };
    const { id, created_at } = await store(message);
    return c.json({ id, ...message, created_at }, 201);
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
    process.send?.({ ready: true, url: `http://127.0.0.1:${port}` });
  });
  process.on(
    'message',
    ({ fill: count }) => void storeMany(count, fill).then(() => process.send?.({ filled: count })),
  );
  process.once('SIGTERM', async () => {
    server.close();
    await close?.();
    await sql.end({ timeout: 1 });
    process.exit(0);
  });
}

/** A thousand at a time: a statement's parameters and a library's own bulk calls have limits. */
async function storeMany(count, fill) {
  for (let left = count; left > 0; left -= 1000) {
    const rows = await sql`
      insert into messages (workspace_id, channel_id, author, text)
      select gen_random_uuid(), gen_random_uuid(), 'ada', 'hello world hello world' from generate_series(1, ${Math.min(left, 1000)})
      returning id, channel_id`;
    await fill(rows);
  }
}
