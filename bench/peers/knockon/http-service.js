// The service of http-worker.js: a row an event, by one statement a request.
import { createServer } from 'node:http';
import postgres from 'postgres';

const pg = postgres(process.env.DATABASE_URL, { max: 8, onnotice: () => {} });
await pg`
  create table if not exists effect_log (
    message_id uuid not null, effect text not null, at timestamptz not null default now(), primary key (message_id, effect)
  )`;

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.url === '/hanging') return;
  const { subscriber, events } = JSON.parse(Buffer.concat(chunks).toString());
  const ids = events.map((event) => event.message_id ?? event.id);
  await pg`
    insert into effect_log (effect, message_id) select ${subscriber}, unnest(${ids}::uuid[])
    on conflict do nothing`;
  response.writeHead(204).end();
});
server.listen(0, '127.0.0.1', () =>
  process.send({ url: `http://127.0.0.1:${server.address().port}` }),
);
