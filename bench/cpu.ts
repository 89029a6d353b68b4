import { cpuSeconds, type Process, processesOfBench } from './processes.ts';

/**
 * CPU milliseconds a request. What a busy machine takes away makes everything slower, but not this.
 */
export interface Cpu {
  server: number;
  postgres: number;
  /** Workers, Redis, Temporal and the like. */
  others: number;
}

export const allOf = ({ server, postgres, others }: Cpu) => server + postgres + others;

/** Begins to measure; the function it gives tells what has been used since, a request. */
export async function cpuMeter(apiPid: number): Promise<(requests: number) => Promise<Cpu>> {
  const before = await used(apiPid);
  return async (requests) => {
    const now = await used(apiPid);
    const spent = (part: keyof Cpu) => ((now[part] - before[part]) * 1000) / requests;
    return { server: spent('server'), postgres: spent('postgres'), others: spent('others') };
  };
}

async function used(apiPid: number): Promise<Cpu> {
  const family = await processesOfBench();
  const isPostgres = ({ command }: Process) => /postgres/.test(command);
  const [server, postgres, others] = await Promise.all([
    cpuSeconds(family.filter(({ pid }) => pid === apiPid)),
    cpuSeconds(family.filter(isPostgres)),
    cpuSeconds(family.filter((process) => !isPostgres(process) && process.pid !== apiPid)),
  ]);
  return { server, postgres, others };
}
