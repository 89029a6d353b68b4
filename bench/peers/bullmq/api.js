// BullMQ: the message is committed, then six jobs go to Redis in one call. What a crash comes
// between is lost.
import { Queue } from 'bullmq';
import { serveMessages } from '../message-api.js';
import { effects, insertMessage, sql } from '../store.js';
import { connect, QUEUE } from './connection.js';

const queue = new Queue(QUEUE, {
  connection: connect(),
  defaultJobOptions: { removeOnComplete: true, attempts: 5 },
});
const jobsOf = ({ id }) => effects.map((name) => ({ name, data: { id } }));

serveMessages({
  async store(message) {
    const row = await insertMessage(sql, message);
    await queue.addBulk(jobsOf(row));
    return row;
  },
  fill: (messages) => queue.addBulk(messages.flatMap(jobsOf)),
  close: () => queue.close(),
});
