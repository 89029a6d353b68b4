import type { Command } from 'commander';
import type { Balance } from '../ops/verify.ts';
import { findUpFile, type Surroundings } from './address.ts';
import { CommandError, duration, EXIT, processTerminal, reported, styled, type Terminal, table } from './output.ts';

const MORE = `
It reads the database itself (DATABASE_URL, else the up.json of \`knockon up\`) and asks Temporal (TEMPORAL_ADDRESS, else the
same up.json) whether the workflows of what is open are running. Where Temporal can't be asked, open counts as in flight. Under
KNOCKON_TRANSPORT=pg-boss its jobs are looked for instead.

  expected   events dispatched to the subscriber
  done       a receipt says that its effect has happened
  dead       a dead letter says that it won't by itself
  in flight  open, and a workflow is at work on it
  missing    open, and nothing is at work on it: lost unless somebody acts

Examples:
  $ knockon verify
  $ knockon verify --json | jq .undispatched

Exit codes: 0 balanced, nothing is missing; 1 something is missing, or it can't be found out; 2 no database is known.`;

export function verifyCommand(program: Command): void {
  program
    .command('verify')
    .summary('check the ledger: what was promised against what has happened')
    .description('Checks the ledger: for every subscriber expected − done − dead − in flight must be 0.')
    .option('--json', 'print JSON for programs instead of text for people')
    .addHelpText('after', MORE)
    .action(
      reported(async ({ json }: { json?: boolean }) => {
        const balance = await readBalance(findLedger());
        const terminal = processTerminal();
        terminal.out(json ? JSON.stringify(balance) : showBalance(terminal, balance));
        process.exitCode = balance.balanced ? EXIT.done : EXIT.failed;
      }),
    );
}

export interface LedgerAddress {
  databaseUrl: string;
  temporal: { address: string; namespace: string; apiKey: string | undefined } | null;
  /** True where pg-boss has what is under way, in the same database. */
  jobs?: true;
}

/** Where the ledger is kept. The environment comes before up.json. @throws CommandError */
export function findLedger(surroundings: Surroundings = {}): LedgerAddress {
  const { env = process.env } = surroundings;
  const up = env.DATABASE_URL ? undefined : findUpFile(surroundings)?.up;
  const databaseUrl = env.DATABASE_URL ?? up?.database_url;
  if (!databaseUrl) {
    throw new CommandError('No database is known here: set DATABASE_URL, or start everything here with `npm start`.', EXIT.usage);
  }
  // `knockon up` names no Temporal where it has started none.
  if (env.KNOCKON_TRANSPORT === 'pg-boss' || up?.temporal_address === null) return { databaseUrl, temporal: null, jobs: true };
  const address = env.TEMPORAL_ADDRESS ?? up?.temporal_address;
  const namespace = env.TEMPORAL_NAMESPACE ?? up?.temporal_namespace ?? 'default';
  return { databaseUrl, temporal: address ? { address, namespace, apiKey: env.TEMPORAL_API_KEY } : null };
}

async function readBalance({ databaseUrl, temporal, jobs }: LedgerAddress): Promise<Balance> {
  const [{ default: postgres }, { verifyLedger }, { askTemporal }, { hasOpenJobs }] = await Promise.all([
    import('postgres'),
    import('../ops/verify.ts'),
    import('./ask-temporal.ts'),
    import('../transport/pg-boss/call-queue.ts'),
  ]);
  const asked = temporal && (await askTemporal(temporal));
  const sql = postgres(databaseUrl, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    return await verifyLedger(sql, jobs ? (id) => hasOpenJobs(sql, id) : asked?.isRunning);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const known = code === '42P01' ? 'it has no schema of Knock-on: run `knockon migrate`' : message || code;
    throw new CommandError(`The database can't be read: ${known}. Is it the one in DATABASE_URL or up.json, and is it running?`);
  } finally {
    await Promise.all([sql.end({ timeout: 2 }), asked?.close()]);
  }
}

/** The balance as a table, what waits for its dispatch, and the verdict. */
export function showBalance(terminal: Terminal, { balanced, subscribers, undispatched }: Balance): string {
  const age = (seconds: number | null) => (seconds === null ? null : duration(seconds * 1000));
  const rows = subscribers.map((s) => [s.name, s.expected, s.done, s.dead, s.in_flight, s.missing, age(s.oldest_seconds)]);
  const books =
    rows.length === 0
      ? 'Nothing has been dispatched yet.'
      : table(terminal, ['subscriber', 'expected', 'done', 'dead', 'in flight', 'missing', 'oldest open'], rows, 1);
  const waiting =
    undispatched.count === 0
      ? 'Every event has been dispatched.'
      : `${undispatched.count} events are committed and not dispatched; the oldest has waited ${age(undispatched.oldest_seconds)}.`;
  const verdict = balanced
    ? styled(terminal, 'green', 'Balanced: nothing is missing.')
    : styled(
        terminal,
        'red',
        'Not balanced: what is missing has no running workflow. Reset its workflow in the Temporal UI; receipts keep it from happening twice.',
      );
  return [books, '', waiting, verdict].join('\n');
}
