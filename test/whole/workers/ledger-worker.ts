// The ledger of examples/python-worker and examples/go-worker, as an effect of ours.
import { sql } from 'drizzle-orm';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { dead, later, retry } from '../../../src/activities/runtime/outcomes.ts';
import { connectDatabase } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { hostEffects } from '../../../src/workers/host-effects.ts';
import { createLog, runProcess, ShutdownStack } from '../../../src/workers/process/process.ts';

const NAME = 'ts-ledger';

function check(event: DomainEvent, accounts: Set<unknown>) {
  const { amount_cents, customer, book_at } = event.payload as Record<string, string | number>;
  if (Number(amount_cents) <= 0)
    return dead(event, 'its amount is not above 0', { cause: 'amount' });
  if (!accounts.has(customer))
    return retry(event, 'its customer has no account yet', { cause: 'no account' });
  const at = new Date(book_at ?? 0);
  return at.getTime() > Date.now() ? later(event, at) : undefined;
}

const ledger = defineEffect({
  name: NAME,
  description: 'Books invoices that are paid.',
  on: ['invoice.paid'],
  retry: { attempts: 5, initial: '400ms', max: '1m' },
  again: 'asked',
  batch: 500,
  async transact(tx, events) {
    const rows = await tx.execute<{ customer: string }>(sql`select customer from accounts`);
    const accounts = new Set(rows.map(({ customer }) => customer));
    const open = events.flatMap((event) => check(event, accounts) ?? []);
    const left = new Set(open.map(({ event_id }) => event_id));
    for (const { id, payload } of events.filter((event) => !left.has(event.id)))
      await tx.execute(sql`insert into ledger
        values (${NAME}, ${id}, ${payload.invoice_id}, ${payload.amount_cents}::bigint::int)`);
    return open;
  },
});

const config = readConfig();
await runProcess(async () => {
  const started = new ShutdownStack();
  const database = started.add(connectDatabase(config.DATABASE_URL), (d) => d.close());
  const log = createLog(NAME, config.LOG_LEVEL);
  const { ended } = await hostEffects({ config, database, effects: [ledger], log, started });
  return { stop: () => started.stop(), ended };
}, config.KNOCKON_SHUTDOWN);
process.exit();
