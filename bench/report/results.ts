import type { Contestant, Shape } from '../contestants/contestant.ts';
import { shapes } from '../contestants/contestant.ts';
import type { Idle } from '../idle/measure.ts';
import type { MemoryAt } from '../memory.ts';
import type { Turn } from '../rounds.ts';
import { median, range } from '../statistics.ts';

/** One contestant in one shape: medians over the rounds. */
export interface Row {
  contestant: string;
  title: string;
  channels: Shape;
  requests_per_second: number;
  /** Requests/s beside the first contestant's of the same round: the median of the ratios, and the smallest and largest. */
  ratio: number;
  ratio_range: [number, number];
  p50_ms: number;
  p99_ms: number;
  effects_per_second: number | null;
  /** CPU milliseconds a request. */
  cpu_ms: { server: number; postgres: number; others: number };
}

export interface Results {
  taken_at: string;
  machine: { cpus: number; model: string; node: string; load_average: number[] };
  load?: Row[];
  idle?: Idle;
  memory?: MemoryAt[];
}

/** Turns as rows, in the order of the contestants. */
export function toRows(contestants: Contestant[], turns: Turn[]): Row[] {
  const [base] = contestants;
  return shapes.flatMap((shape) => {
    const of = (name: string) => turns.filter((turn) => turn.contestant === name && turn.shape === shape);
    const bases = of(base!.name);
    return contestants.map(({ name, title }) => {
      const own = of(name);
      const middle = (pick: (turn: Turn) => number) => median(own.map(pick));
      const ratios = own.map((turn) => turn.perSecond / bases.find(({ round }) => round === turn.round)!.perSecond);
      return {
        contestant: name,
        title,
        channels: shape,
        requests_per_second: middle((turn) => turn.perSecond),
        ratio: median(ratios),
        ratio_range: range(ratios),
        p50_ms: middle((turn) => turn.p50),
        p99_ms: middle((turn) => turn.p99),
        effects_per_second: own[0]?.effectsPerSecond === null ? null : middle((turn) => turn.effectsPerSecond ?? 0),
        cpu_ms: {
          server: middle((turn) => turn.cpu.server),
          postgres: middle((turn) => turn.cpu.postgres),
          others: middle((turn) => turn.cpu.others),
        },
      };
    });
  });
}
