import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { Recovery } from '../../transport/transport.ts';
import { type Balance, verifyLedger } from './verify.ts';

export interface CheckOptions {
  pg: Sql;
  running: Recovery['running'];
  /**
   * How old the last check may be, in ms. One that takes long is made less often: it has a
   * twentieth of the time.
   */
  everyMs: number;
  log: Pick<Logger, 'error' | 'info'>;
}

/** At least so often a check is made, however long it takes, in ms. */
const RAREST = 120_000;

/** What a check found, and when. */
export interface Checked {
  balance: Balance;
  /** By this machine's clock, also if another process checked. */
  checked_at: Date;
}

/**
 * The background check of the ledger. However many processes do it, one checks and the others read
 * what it has found, so /metrics and /readyz of all of them say the same and cost nothing.
 */
export class LedgerCheck {
  readonly #options: CheckOptions;
  #latest: Checked | null = null;
  #balanced = true;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  /** What was found last; null before the first check. */
  get latest(): Checked | null {
    return this.#latest;
  }

  /**
   * Checks, if it is time, or reads what another process has found. @throws where Postgres is away
   */
  async run(): Promise<void> {
    const { pg, running } = this.#options;
    if (await this.#isDue()) {
      const began = performance.now();
      const balance = await verifyLedger(pg, { running });
      const found = { balance, took_ms: performance.now() - began };
      await pg`
        update knockon.ledger_checks
          set checked_at = now(), balance = ${JSON.stringify(found)}::text::jsonb
          where name = 'ledger'`;
    }
    const [row] = await pg<{ balance: { balance: Balance } | null; age_ms: number }[]>`
      select balance, extract(epoch from now() - checked_at)::float8 * 1000 as age_ms
        from knockon.ledger_checks where name = 'ledger'`;
    if (!row?.balance) return;
    this.#latest = { balance: row.balance.balance, checked_at: new Date(Date.now() - row.age_ms) };
    this.#tell(row.balance.balance);
  }

  /**
   * Of several processes that ask at once one is told so: it has moved the time of the last check.
   */
  async #isDue(): Promise<boolean> {
    const { pg, everyMs } = this.#options;
    const rows = await pg`
      insert into knockon.ledger_checks as c (name, balance) values ('ledger', 'null')
      on conflict (name) do update set checked_at = now()
        where c.checked_at <= now() - greatest(${everyMs * 0.9}::float8,
          least(${RAREST}::float8, 20 * coalesce((c.balance->>'took_ms')::float8, 0))) *
            interval '1 ms'
      returning name`;
    return rows.length > 0;
  }

  #tell({ balanced, subscribers }: Balance): void {
    if (balanced === this.#balanced) return;
    this.#balanced = balanced;
    const missing = Object.fromEntries(
      subscribers.filter((s) => s.missing > 0).map((s) => [s.name, s.missing]),
    );
    if (balanced) this.#options.log.info('the ledger is balanced again');
    else
      this.#options.log.error(
        { missing },
        'effects are missing: no dispatch is running for them; healing restarts them',
      );
  }
}
