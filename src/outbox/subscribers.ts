import type { Sql } from 'postgres';
import type { RetryPolicy, SubscriberSpec } from '../transport/dispatch.ts';

const CHANGED = 'knockon_subscribers';

/** What an effect announces of itself. */
export interface Registration extends SubscriberSpec {
  description: string;
  /** Event types, or `*` for all. */
  event_types: string[];
  ordering: 'none' | 'channel' | 'exclusive';
}

/** Writes the rows of the effects a worker hosts, and tells every dispatcher. From then on new dispatches are for them too. */
export async function register(sql: Sql, registrations: Registration[]): Promise<void> {
  await sql.begin(async (tx) => {
    for (const r of registrations) {
      await tx`
        insert into subscribers (name, description, event_types, task_queue, activity, ordering, batch, timeout_ms, retry)
        values (${r.name}, ${r.description}, ${r.event_types}, ${r.task_queue}, ${r.activity}, ${r.ordering}, ${r.batch},
          ${r.timeout_ms}, ${sql.json({ ...r.retry })})
        on conflict (name) do update set description = excluded.description, event_types = excluded.event_types,
          task_queue = excluded.task_queue, activity = excluded.activity, ordering = excluded.ordering, batch = excluded.batch,
          timeout_ms = excluded.timeout_ms, retry = excluded.retry, registered_at = now()`;
    }
    await tx.notify(CHANGED, '');
  });
}

type Row = SubscriberSpec & { event_types: string[]; retry: RetryPolicy };

/** Who is registered, kept in memory and read again when somebody registers. */
export class Directory {
  #rows: Row[] = [];
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Reads the list, and again at each change and each new connection (what was said while it was away is lost). */
  async open(): Promise<void> {
    await this.#sql.listen(
      CHANGED,
      () => void this.reload().catch(() => {}),
      () => void this.reload().catch(() => {}),
    );
    await this.reload();
  }

  async reload(): Promise<void> {
    this.#rows = await this.#sql<Row[]>`
      select name, event_types, task_queue, activity, batch, timeout_ms, retry from subscribers order by name`;
  }

  /** True while nobody has ever registered: events then wait for the first. */
  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  /** The names of those who want each type, by type; under `*` those who want any. */
  names(): Record<string, string[]> {
    const types = new Set(['*', ...this.#rows.flatMap((row) => row.event_types)]);
    const wanting = (type: string) => this.#rows.filter((row) => row.event_types.includes(type) || row.event_types.includes('*'));
    return Object.fromEntries([...types].map((type) => [type, wanting(type).map((row) => row.name)]));
  }

  /** How to reach those of these names that are (still) registered. */
  specs(names: string[]): SubscriberSpec[] {
    return this.#rows
      .filter((row) => names.includes(row.name))
      .map(({ name, task_queue, activity, batch, timeout_ms, retry }) => ({ name, task_queue, activity, batch, timeout_ms, retry }));
  }
}
