import { PgBoss } from 'pg-boss';

export const QUEUE = 'effects';

/** Woken by NOTIFY, as its docs advise for latency; without maintenance in the API. */
export async function startBoss({ worker }) {
  const boss = new PgBoss({
    connectionString: process.env.DATABASE_URL,
    max: worker ? 12 : 2,
    supervise: worker,
    schedule: false,
    useListenNotify: worker,
    warningQueueSize: 1_000_000_000,
    openTelemetry: { enabled: false },
  });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  if (worker) await boss.createQueue(QUEUE, { notify: true });
  return boss;
}
