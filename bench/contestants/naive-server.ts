// The naive transaction: begin, insert message, insert event, commit. No key is asked for and nothing is checked.
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import postgres from 'postgres';

const sql = postgres(process.env.DATABASE_URL!, { max: Number(process.env.POOL ?? 16), onnotice: () => {} });
await sql`
  create table messages (
    id uuid primary key default uuidv7(), channel_id uuid not null, author text not null, text text not null,
    created_at timestamptz not null default now()
  )`;
await sql`
  create table events (
    id uuid primary key default uuidv7(), type text not null, message_id uuid not null, payload jsonb not null,
    created_at timestamptz not null default now()
  )`;

interface Row {
  id: string;
  created_at: Date;
}

const app = new Hono().post('/channels/:id/messages', async (c) => {
  const { author, text } = await c.req.json<{ author: string; text: string }>();
  const channel_id = c.req.param('id');
  const message = await sql.begin(async (tx) => {
    const [row] = await tx<Row[]>`
      insert into messages (channel_id, author, text) values (${channel_id}, ${author}, ${text}) returning id, created_at`;
    const payload = { channel_id, author, text };
    await tx`insert into events (type, message_id, payload) values ('message.created', ${row!.id}, ${sql.json(payload)})`;
    return { id: row!.id, channel_id, author, text, created_at: row!.created_at };
  });
  return c.json(message, 201);
});

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (address: AddressInfo) => {
  process.send?.({ ready: true, url: `http://127.0.0.1:${address.port}` });
});
process.once('SIGTERM', () => {
  server.close();
  void sql.end({ timeout: 1 }).then(() => process.exit(0));
});
