import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { knockon } from '../processes/own-process.ts';
import type { Check } from './check.ts';

const run = promisify(execFile);

interface Balance {
  balanced: boolean;
  subscribers: {
    name: string;
    expected: number;
    done: number;
    dead: number;
    in_flight: number;
    missing: number;
  }[];
  undispatched: { count: number };
}

/**
 * The product's own books, as its user reads them.
 *
 * @param mayBeOpen subscribers of which some events may be in flight or given up: their outside
 * parties never take them
 */
export const ledgerBut = (mayBeOpen: string[]): Check => ({
  promise:
    '`knockon verify` says zero: expected − done − dead − in flight, and nothing waits for its dispatch',
  async look({ env }) {
    const answer = await run(process.execPath, [knockon, 'verify', '--json'], { env }).catch(
      (error: Error & { stdout?: string }) => {
        if (!error.stdout) throw error;
        return { stdout: error.stdout };
      },
    );
    const { balanced, subscribers, undispatched } = JSON.parse(answer.stdout) as Balance;
    const wrong = subscribers
      .filter(
        ({ name, missing, in_flight, expected, done }) =>
          missing > 0 || (!mayBeOpen.includes(name) && (in_flight > 0 || expected !== done)),
      )
      .map(
        (s) =>
          `${s.name}: expected ${s.expected}, done ${s.done}, dead ${s.dead}, in flight ${s.in_flight}, missing ${s.missing}`,
      );
    if (undispatched.count > 0) wrong.push(`${undispatched.count} events have not been dispatched`);
    if (!balanced) wrong.push('it is not balanced');
    return { examined: subscribers.reduce((sum, { expected }) => sum + expected, 0), wrong };
  },
});

export const ledger = ledgerBut([]);
