// Temporal as its first samples have it: the message is committed, then a workflow is started. What
// a crash comes between is lost.
import { Client, Connection } from '@temporalio/client';
import { serveMessages } from '../message-api.js';
import { insertMessage, sql } from '../store.js';

const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS });
const client = new Client({ connection });
const start = (id) =>
  client.workflow.start('onMessageCreated', { taskQueue: 'messages', workflowId: id, args: [id] });

serveMessages({
  async store(message) {
    const row = await insertMessage(sql, message);
    await start(row.id);
    return row;
  },
  async fill(messages) {
    const left = [...messages];
    const startAll = async () => {
      for (let message = left.pop(); message; message = left.pop()) await start(message.id);
    };
    await Promise.all(Array.from({ length: 32 }, startAll));
  },
  close: () => connection.close(),
});
