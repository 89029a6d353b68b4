// Restate: the message is committed, then a one-way call goes to its ingress. What a crash comes
// between is lost.
import { serveMessages } from '../message-api.js';
import { insertMessage, sql } from '../store.js';

const ingress = process.env.RESTATE_INGRESS;
const target =
  process.env.ORDERED === '1' ? ({ channel_id }) => `inChannel/${channel_id}` : () => 'messages';

async function send(message) {
  const answer = await fetch(`${ingress}/${target(message)}/created/send`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: message.id }),
  });
  if (!answer.ok) throw new Error(`Restate answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

serveMessages({
  async store(message) {
    const row = await insertMessage(sql, message);
    await send({ ...message, id: row.id });
    return row;
  },
  async fill(messages) {
    const left = [...messages];
    const sendAll = async () => {
      for (let message = left.pop(); message; message = left.pop()) await send(message);
    };
    await Promise.all(Array.from({ length: 64 }, sendAll));
  },
});
