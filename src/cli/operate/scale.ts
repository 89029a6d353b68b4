import type { Command } from 'commander';
import type { ScaleAdvice } from '../../ops/status/scale.ts';
import { parseDuration } from '../../text/duration.ts';
import { CommandError, duration, EXIT } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface ScaleOptions extends OpsOptions {
  within: string;
}

const MORE = `
It changes nothing. To scale, start or stop workers:
\`knockon worker effects --only NAME --concurrency N\`.

Examples:
  $ knockon scale search
  $ knockon scale webhooks --within 1m
  $ knockon scale search --json | jq -r .command

${OPS_EXIT_CODES}`;

/** `knockon scale NAME`: how many workers a subscriber needs. */
export function scaleCommand(program: Command): void {
  const command = program
    .command('scale')
    .summary('suggest how many workers a subscriber needs')
    .description(
      'Suggests how many workers a subscriber needs, from its backlog, what arrives and what its ' +
        'workers get done.',
    )
    .argument('<name>', 'the subscriber')
    .option('--within <time>', 'in which time the backlog is to be done', '5m')
    .addHelpText('after', MORE);
  operates(command, scale);
}

async function scale({ api, terminal, options }: Ops<ScaleOptions>, name: string): Promise<void> {
  const within = Math.round((parseDuration(options.within) ?? 0) / 1000);
  if (!(within >= 1 && within <= 86_400))
    throw new CommandError('--within must be a time from 1s to 24h, such as 5m', EXIT.usage);
  const advice = await api.get<ScaleAdvice>(
    `/v1/ops/subscribers/${encodeURIComponent(name)}/scale?within=${within}`,
  );
  if (options.json) return terminal.out(JSON.stringify(advice));
  const { backlog, arriving, rate, workers, concurrency, drained_in_seconds } = advice;
  const through = drained_in_seconds === null ? 'never' : duration(drained_in_seconds * 1000);
  const row = [backlog, arriving.toFixed(1), rate.toFixed(1), workers, concurrency, through];
  const head = ['backlog', 'arriving/s', 'done/s', 'workers', 'calls at once', 'through in'];
  terminal.out(table(terminal, head, [row], 0));
  terminal.out(`\n${advice.advice}`);
  if (advice.command) terminal.out(`  $ ${advice.command}`);
}
