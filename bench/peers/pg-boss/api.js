// pg-boss: message and six jobs in one transaction, the jobs by one statement.
import pg from 'pg';
import { serveMessages } from '../message-api.js';
import { effects } from '../store.js';
import { QUEUE, startBoss } from './boss.js';

const boss = await startBoss({ worker: false });
// Its own driver: jobs go into the transaction through node-postgres, which pg-boss is written for.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 });
const jobsOf = ({ id }) => effects.map((effect) => ({ data: { effect, id } }));

async function store({ workspace_id, channel_id, author, text }) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query({
      name: 'message',
      text: 'insert into messages (workspace_id, channel_id, author, text) values ($1, $2, $3, $4) returning id, created_at',
      values: [workspace_id, channel_id, author, text],
    });
    await boss.insert(QUEUE, jobsOf(rows[0]), {
      db: { executeSql: (sql, values) => client.query(sql, values) },
    });
    await client.query('commit');
    return rows[0];
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

serveMessages({
  store,
  fill: (messages) => boss.insert(QUEUE, messages.flatMap(jobsOf)),
  close: async () => {
    await boss.stop({ graceful: false });
    await pool.end();
  },
});
