import type { Command } from 'commander';
import type { Diagnosis } from '../../ops/doctor/diagnose.ts';
import { ApiProblem } from '../api/client.ts';
import { CommandError, EXIT, styled, type Terminal } from '../terminal/output.ts';
import { oneLine } from '../terminal/visible.ts';
import { type Ops, operates } from './ops.ts';

const MORE = `
It looks at the database (version, migrations, clock, disk), Temporal (namespace, search
attributes), workers on every queue and their versions, queues and pauses, undispatched events,
backlogs, dead letters and the ledger. It changes nothing.

Examples:
  $ knockon doctor
  $ knockon doctor --json | jq '.findings[] | select(.ok | not)'

Exit codes: 0 all is well; 1 something is wrong; 2 wrong usage; 3 the API can't be reached.`;

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .summary('look at everything that is known to go wrong, and say what to do')
    .description('Looks at everything that is known to go wrong; each finding says what to do.')
    .addHelpText('after', MORE);
  operates(command, examine);
}

async function examine({ api, terminal, options }: Ops): Promise<number> {
  const { ok, findings } = await api.get<Diagnosis>('/v1/ops/doctor').catch(unlessUnreachable);
  const away = findings.some(({ check }) => check === 'api');
  terminal.out(
    options.json
      ? JSON.stringify({ ok, findings })
      : findings.map((finding) => show(terminal, finding)).join('\n'),
  );
  if (!options.json)
    terminal.out(
      ok
        ? styled(terminal, 'green', '\nAll is well.')
        : styled(terminal, 'red', `\n${ills(findings)}`),
    );
  if (ok) return EXIT.done;
  return away ? EXIT.unreachable : EXIT.failed;
}

/** An API that is away is a finding too. */
function unlessUnreachable(error: unknown): Diagnosis {
  if (!(error instanceof CommandError) || error instanceof ApiProblem) throw error;
  const remedy =
    'Start it (`npm start`, or `knockon api`), and see its log for why it ended. Nothing that ' +
    'was accepted is lost.';
  return { ok: false, findings: [{ check: 'api', ok: false, detail: error.message, remedy }] };
}

function show(
  terminal: Terminal,
  { check, ok, detail, remedy }: Diagnosis['findings'][number],
): string {
  const sign = ok ? styled(terminal, 'green', '✓') : styled(terminal, 'red', '✗');
  return `${sign} ${check.padEnd(18)} ${oneLine(detail)}${remedy ? `\n  ${' '.repeat(19)}→ ${oneLine(remedy)}` : ''}`;
}

function ills(findings: Diagnosis['findings']): string {
  const n = findings.filter(({ ok }) => !ok).length;
  return n === 1 ? 'One thing is wrong.' : `${n} things are wrong.`;
}
