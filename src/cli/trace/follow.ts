import { setTimeout as wait } from 'node:timers/promises';
import type { OperationView } from '../../ops/operations/operations.ts';
import type { Ops, OpsOptions } from '../operate/ops.ts';
import { duration, EXIT, styled, type Terminal } from '../terminal/output.ts';
import { oneLine } from '../terminal/visible.ts';

/** How often an operation is looked at, in ms. */
const LOOK = 400;

type FollowOptions = OpsOptions & { detach?: boolean };

/** Begins an operation and follows it. @returns the exit code */
export const begin = async (ops: Ops<FollowOptions>, path: string, body: object): Promise<number> =>
  await follow(ops, (await ops.api.send<OperationView>('POST', path, { body })).body);

/**
 * Stays until an operation has ended, with a bar on a terminal, and says how it ended. With
 * `detach` it says where to look, and leaves.
 *
 * @returns the exit code: 1 where some of it failed, or where it was not done
 */
export async function follow(ops: Ops<FollowOptions>, operation: OperationView): Promise<number> {
  const { api, terminal, options } = ops;
  if (options.detach) {
    terminal.out(
      options.json
        ? JSON.stringify(operation)
        : `${begun(operation)}\n\`knockon operations ${operation.id}\` shows how far it is.`,
    );
    return EXIT.done;
  }
  if (!options.json && terminal.live) terminal.err(`${begun(operation)} Ctrl-C leaves it running.`);
  const bar = options.json ? noBar : await createBar(terminal);
  let last = operation;
  while (last.state === 'running') {
    bar.show(last);
    await wait(LOOK);
    last = await api.get<OperationView>(`/v1/ops/operations/${operation.id}`);
  }
  bar.show(last);
  bar.stop();
  terminal.out(options.json ? JSON.stringify(last) : explain(terminal, last));
  return last.state === 'done' && last.failed === 0 ? EXIT.done : EXIT.failed;
}

const begun = ({ verb, id, workflow }: OperationView) =>
  `The ${verb} is operation ${id}.${workflow?.url ? ` ${workflow.url}` : ''}`;

const noBar = { show: (_: OperationView) => {}, stop: () => {} };

async function createBar(terminal: Terminal): Promise<typeof noBar> {
  if (!terminal.live) return noBar;
  const { SingleBar } = await import('cli-progress');
  const format = '{bar} {percentage}%  {value} of {total}, {failed} failed  {left}';
  const bar = new SingleBar({
    format,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  });
  bar.start(1, 0, { failed: 0, left: 'counting' });
  return {
    show: ({ total, done, failed, eta_seconds }) => {
      if (total !== null) bar.setTotal(total);
      bar.update(done + failed, {
        failed,
        left: eta_seconds === null ? '' : `${duration(eta_seconds * 1000)} left`,
      });
    },
    stop: () => bar.stop(),
  };
}

function colourOf({ state, failed }: OperationView): 'red' | 'green' | 'yellow' {
  if (state === 'failed' || failed > 0) return 'red';
  return state === 'done' ? 'green' : 'yellow';
}

/** How an operation stands, in words. */
export function explain(terminal: Terminal, operation: OperationView): string {
  const { verb, id, state, total, done, skipped, failed, eta_seconds, error, failures, workflow } =
    operation;
  const aside = [
    skipped > 0 && `${skipped} of them needed nothing`,
    failed > 0 && `${failed} failed`,
  ]
    .filter(Boolean)
    .join(', ');
  const figures = `${done} of ${total ?? '?'} done${aside ? `, ${aside}` : ''}`;
  const eta = eta_seconds === null ? '' : `; ${duration(eta_seconds * 1000)} left`;
  const lines = [
    `${verb} ${id}: ${styled(terminal, colourOf(operation), state)}, ${figures}${eta}.`,
  ];
  if (error) lines.push(`It failed: ${oneLine(error)}`);
  for (const { subject, reason } of failures.slice(0, 5))
    lines.push(oneLine(`  ${subject}: ${reason}`));
  if (failed > Math.min(5, failures.length))
    lines.push(`  … ${failed - Math.min(5, failures.length)} more; --json names a hundred.`);
  if (workflow?.url) lines.push(workflow.url);
  return lines.join('\n');
}
