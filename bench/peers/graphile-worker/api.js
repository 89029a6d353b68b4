// graphile-worker: message and six jobs in one transaction, the jobs by one call of its own
// function.
import { serveMessages } from '../message-api.js';
import { effects, insertMessage, sql } from '../store.js';

const addJobs = (tx, ids) => tx`
  select from graphile_worker.add_jobs(array(
    select (effect, json_build_object('id', id), null, null, null, null, null, null)::graphile_worker.job_spec
    from unnest(${ids}::uuid[]) as m (id), unnest(${effects}::text[]) as e (effect)
  ))`;

serveMessages({
  store: (message) =>
    sql.begin(async (tx) => {
      const row = await insertMessage(tx, message);
      await addJobs(tx, [row.id]);
      return row;
    }),
  fill: (messages) =>
    addJobs(
      sql,
      messages.map(({ id }) => id),
    ),
});
