import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { Database } from '../../../src/db/client.ts';
import * as schema from '../../../src/db/schema/index.ts';

/** What a plan says of one of its steps. */
interface Step {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: Step[];
}

/**
 * A database whose server tells the plan of every statement as it was run, those of functions
 * included.
 */
export interface Explained extends Database {
  /**
   * The statements since the last call that read one of these tables from end to end, each with the
   * table.
   */
  scans(tables: string[]): string[];
  /**
   * The indexes that the statements since the last call went by, each as often as it stands in a
   * plan.
   */
  indexes(): string[];
  /**
   * How many rows the statements since the last call went through, all their steps together; the
   * most expensive of them.
   */
  rows(): { total: number; worst: string };
}

/**
 * Connects with `auto_explain`, which takes a superuser.
 *
 * @param counted whether rows are counted too. Default: no
 * @param kept whether plans are made without what is asked for, as those that a connection keeps.
 * Default: no
 */
export function explained(url: string, { counted = false, kept = false } = {}): Explained {
  const plans: { pg: string; steps: Step[] }[] = [];
  const options = {
    max: 2,
    onnotice: ({ message }: postgres.Notice) => {
      const json = /plan:\s*(\{[\s\S]*\})\s*$/.exec(message ?? '')?.[1];
      if (!json) return;
      const { 'Query Text': pg, Plan } = JSON.parse(json) as { 'Query Text': string; Plan: Step };
      plans.push({ pg, steps: flat(Plan) });
    },
    connection: {
      session_preload_libraries: 'auto_explain',
      // As text: what is falsy is not sent.
      'auto_explain.log_min_duration': '0',
      'auto_explain.log_level': 'notice',
      'auto_explain.log_format': 'json',
      'auto_explain.log_nested_statements': 'on',
      ...(counted && {
        'auto_explain.log_analyze': 'on',
        'auto_explain.log_timing': 'off',
        statement_timeout: 20_000,
      }),
      ...(kept && { plan_cache_mode: 'force_generic_plan' }),
      // In a stand-still a plan is not shared out among processes.
      max_parallel_workers_per_gather: '0',
    },
  };
  const [db, pg] = [postgres(url, options), postgres(url, options)];
  const told = () => {
    if (plans.length === 0)
      throw new Error('no plan was told: nothing was run, or auto_explain is not there');
    return plans.splice(0);
  };
  return {
    db: drizzle({ client: db, schema }),
    pg,
    listen: async () => false,
    close: async () => void (await Promise.all([db.end(), pg.end()])),
    scans(tables) {
      const read = (step: Step) =>
        step['Node Type'] === 'Seq Scan' && tables.includes(step['Relation Name'] ?? '');
      const found = told().flatMap(({ pg, steps }) =>
        steps.filter(read).map((step) => `${step['Relation Name']}: ${pg.trim().slice(0, 300)}`),
      );
      return [...new Set(found)];
    },
    rows() {
      const statements = told().map(({ pg, steps }) => ({
        pg,
        steps,
        n: steps.reduce((n, step) => n + rowsOf(step), 0),
      }));
      const worst = statements.reduce((a, b) => (a.n > b.n ? a : b));
      return {
        total: statements.reduce((n, statement) => n + statement.n, 0),
        worst: `${worst.n} rows (${described(worst.steps)}): ${worst.pg.trim().slice(0, 300)}`,
      };
    },
    indexes: () => told().flatMap(({ steps }) => steps.flatMap((step) => step['Index Name'] ?? [])),
  };
}

const flat = (step: Step): Step[] => [step, ...(step.Plans ?? []).flatMap(flat)];

/** The most expensive steps in a few words. */
const described = (steps: Step[]) =>
  [...steps]
    .sort((a, b) => rowsOf(b) - rowsOf(a))
    .slice(0, 3)
    .map((step) =>
      [
        step['Node Type'],
        step['Relation Name'],
        step['Index Name'],
        `${step['Actual Loops']} times`,
      ]
        .filter(Boolean)
        .join(' '),
    )
    .join(', ');

/** What a step has gone through, whether it was of use or not. */
function rowsOf(step: Step): number {
  const removed = [
    'Rows Removed by Filter',
    'Rows Removed by Join Filter',
    'Rows Removed by Index Recheck',
  ] as const;
  const each = removed.reduce((n, name) => n + (step[name] ?? 0), step['Actual Rows'] ?? 0);
  return Math.round(each * (step['Actual Loops'] ?? 1));
}
