import type { Cpu } from '../cpu.ts';
import type { ShapeName } from '../shapes.ts';
import { median, range } from '../statistics.ts';
import type { Visit } from '../visit.ts';

export interface Enrolled {
  name: string;
  title: string;
  /** Side effects of a message. */
  effects: number;
  /** Why it was left out. */
  absent?: string;
}

/** Everything a run has seen: the JSON document. Rates a second, times in ms, memory in MB. */
export interface Results {
  taken_at: string;
  /** How long the run took. */
  seconds?: number;
  /** Memory in GB; the load average before and after. */
  machine: { cpus: number; model: string; memory: number; node: string; load_average: number[] };
  contestants: Enrolled[];
  visits: Visit[];
  ordered: Visit[];
}

/** One contestant in one shape: medians over the rounds. */
export interface Row {
  contestant: string;
  title: string;
  requestsPerSecond: number;
  /**
   * Requests/s beside the floor's of the same round: the median, the smallest and the largest. NaN
   * without a floor.
   */
  ratio: number;
  ratioRange: [number, number];
  p50: number;
  p99: number;
  effectsPerSecond: number | null;
  effectsRange: [number, number];
  /** CPU ms a message. */
  cpu: Cpu;
  actions: number | null;
}

/** The contestants that have been measured in that shape, in their order. */
export function rowsOf({ contestants }: Results, visits: Visit[], shape: ShapeName): Row[] {
  const turnsOf = (name: string) =>
    visits
      .filter(({ contestant }) => contestant === name)
      .flatMap(({ turns }) => turns.filter((turn) => turn.shape === shape));
  const floor = turnsOf('naive');
  return contestants.flatMap(({ name, title }) => {
    const turns = turnsOf(name);
    if (turns.length === 0) return [];
    const middle = (pick: (turn: (typeof turns)[number]) => number) => median(turns.map(pick));
    const ratios = turns.map(
      ({ perSecond }, round) => perSecond / (floor[round]?.perSecond ?? Number.NaN),
    );
    const effects = turns.map((turn) => turn.effectsPerSecond ?? 0);
    const part = (name: keyof Cpu) => middle(({ cpu }) => cpu[name]);
    return {
      contestant: name,
      title,
      requestsPerSecond: middle((turn) => turn.perSecond),
      ratio: median(ratios),
      ratioRange: range(ratios),
      p50: middle((turn) => turn.p50),
      p99: middle((turn) => turn.p99),
      effectsPerSecond: turns[0]!.effectsPerSecond === null ? null : median(effects),
      effectsRange: range(effects),
      cpu: { server: part('server'), postgres: part('postgres'), others: part('others') },
      actions: turns[0]!.actions === null ? null : middle((turn) => turn.actions ?? 0),
    };
  });
}

/** What that contestant's visits have seen of a part: the first that has done it. */
export function seenBy<P extends 'idle' | 'memory' | 'crash' | 'catchUp' | 'sustained' | 'growth'>(
  { visits }: Results,
  name: string,
  part: P,
): Visit[P] | undefined {
  return visits.find((visit) => visit.contestant === name && visit[part] !== undefined)?.[part];
}
