import type { Command } from 'commander';
import { databaseTrouble } from '../../db/errors.ts';
import type { Balance } from '../../ops/status/verify.ts';
import { counted } from '../../ops/wording.ts';
import type { TemporalServer } from '../../transport/temporal/transport.ts';
import {
  CommandError,
  duration,
  EXIT,
  processTerminal,
  reported,
  styled,
  type Terminal,
} from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import type { LedgerAddress } from './find-ledger.ts';

const MORE = `
It reads the database (DATABASE_URL, else the up.json of \`knockon up\`). It asks Temporal whether
the workflows of open effects are running (TEMPORAL_ADDRESS or a profile of temporal.toml, else the
same up.json). With KNOCKON_TRANSPORT=pg-boss it looks for jobs of pg-boss instead. If Temporal
can't be asked, open effects count as in flight, and it says so.

Dispatches that were once settled are not read again, unless a receipt or a dead letter of them was
deleted since. --full reads them all.

Columns:
  expected   events dispatched to the subscriber
  done       a receipt says that the effect has happened
  dead       a dead letter says that it does not happen by itself
  in flight  open, and a workflow is running for it
  missing    open, and no workflow is running for it: healing restarts it (KNOCKON_HEAL_AGE)

Examples:
  $ knockon verify
  $ knockon verify --json | jq .missing
  $ knockon verify --full

Exit codes: 0 balanced, nothing is missing; 1 something is missing, or the check failed;
2 no database is known.`;

export function verifyCommand(program: Command): void {
  program
    .command('verify')
    .summary('check the ledger: is any effect missing?')
    .description(
      'Checks the ledger: expected − done − dead − in flight − missing = 0, and none is missing.',
    )
    .option('--json', 'print JSON for programs instead of text for people')
    .option('--full', 'read the whole history again; takes as long as there is much of it')
    .addHelpText('after', MORE)
    .action(
      reported(async ({ json, full }: { json?: boolean; full?: boolean }) => {
        const terminal = processTerminal();
        const { findLedger } = await import('./find-ledger.ts');
        const balance = await readBalance(findLedger({}, json ? undefined : terminal.err), full);
        terminal.out(json ? JSON.stringify(balance) : showBalance(terminal, balance));
        process.exitCode = balance.balanced ? EXIT.done : EXIT.failed;
      }),
    );
}

/** Longest that a statement takes, in ms: all of a long history may be read. */
const LONGEST = 3_600_000;

async function readBalance(
  { databaseUrl, temporal, deployment, operations }: LedgerAddress,
  full?: boolean,
): Promise<Balance> {
  const [{ connectDatabase }, { verifyLedger }, { withOpenJobs }] = await Promise.all([
    import('../../db/client.ts'),
    import('../../ops/status/verify.ts'),
    import('../../transport/pg-boss/recovery.ts'),
  ]);
  const asked = temporal && (await ask(temporal, deployment));
  const { pg, close } = connectDatabase(databaseUrl, {
    name: 'knockon verify',
    statementMs: LONGEST,
  });
  try {
    return await verifyLedger(pg, {
      running: operations ? (dispatches) => withOpenJobs(pg, dispatches) : asked?.running,
      full,
    });
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    if (name === 'UnsupportedPostgresError') throw new CommandError(message);
    if (code === undefined) throw error;
    const trouble = databaseTrouble(error);
    if (trouble)
      throw new CommandError(`The database can't be read: ${trouble.problem}. ${trouble.remedy}`);
    throw new CommandError(
      `The database can't be read: ${message || code}. Is it the one in DATABASE_URL or up.json, and is it ` +
        'running?',
    );
  } finally {
    await Promise.all([close(), asked?.close()]);
  }
}

/** Without Temporal its client is not loaded. */
async function ask(temporal: TemporalServer, deployment?: string) {
  const { askTemporal } = await import('../../transport/temporal/recovery.ts');
  return await askTemporal(temporal, deployment);
}

/** Missing effects that people are shown; --json has a hundred. */
const SHOWN = 10;

/** The balance as a table, what is missing, what waits for its dispatch, and the verdict. */
export function showBalance(
  terminal: Terminal,
  { balanced, subscribers, missing, undispatched, scheduled, asked }: Balance,
): string {
  const rows = subscribers.map((s) => [
    s.name,
    s.expected,
    s.done,
    s.dead,
    s.in_flight,
    s.missing,
    age(s.oldest_seconds),
  ]);
  const accountTable =
    rows.length === 0
      ? 'Nothing has been dispatched yet.'
      : table(
          terminal,
          ['subscriber', 'expected', 'done', 'dead', 'in flight', 'missing', 'oldest open'],
          rows,
          1,
        );
  const waiting =
    undispatched.count === 0
      ? 'Every event has been dispatched.'
      : `Committed and not dispatched: ${counted(undispatched.count, 'event')}; the oldest has ` +
        `waited ${age(undispatched.oldest_seconds)}.`;
  const doubt = asked ? [] : ['The transport did not answer: all open effects count as in flight.'];
  return [
    accountTable,
    '',
    ...showMissing(terminal, missing),
    waiting,
    ...showScheduled(scheduled),
    ...doubt,
    verdict(terminal, balanced),
  ].join('\n');
}

const showScheduled = ({ count, next_at }: Balance['scheduled']): string[] =>
  count === 0 ? [] : [`Scheduled for later: ${counted(count, 'event')}, the next at ${next_at}.`];

const age = (seconds: number | null) => (seconds === null ? null : duration(seconds * 1000));

function showMissing(terminal: Terminal, missing: Balance['missing']): string[] {
  if (missing.length === 0) return [];
  const rows = missing
    .slice(0, SHOWN)
    .map((m) => [m.subscriber, m.type, m.event_id, m.dispatch_id, age(m.age_seconds)]);
  const more =
    missing.length > SHOWN ? ['… and more; `knockon verify --json` names a hundred.'] : [];
  return [table(terminal, ['missing', 'type', 'event', 'dispatch', 'age'], rows), ...more, ''];
}

function verdict(terminal: Terminal, balanced: boolean): string {
  if (balanced) return styled(terminal, 'green', 'Balanced: nothing is missing.');
  const remedy =
    'Healing restarts them once they are older than KNOCKON_HEAL_AGE. Receipts keep completed ' +
    'effects from happening twice.';
  return styled(
    terminal,
    'red',
    `Not balanced: no dispatch is running for the missing effects. ${remedy}`,
  );
}
