import { cpuSeconds, type Process } from './processes.ts';
import type { Product } from './product.ts';

/** CPU milliseconds a request. What a busy machine takes away makes everything slower, but not this. */
export interface Cpu {
  server: number;
  postgres: number;
  /** Workers and Temporal. */
  others: number;
}

/** Begins to measure; the function it gives tells what has been used since, a request. */
export async function cpuMeter(product: Product, serverPid: number): Promise<(requests: number) => Promise<Cpu>> {
  const before = await used(product, serverPid);
  return async (requests) => {
    const now = await used(product, serverPid);
    const spent = (part: keyof Cpu) => ((now[part] - before[part]) * 1000) / requests;
    return { server: spent('server'), postgres: spent('postgres'), others: spent('others') };
  };
}

async function used(product: Product, serverPid: number): Promise<Cpu> {
  const family = await product.processes();
  const isPostgres = ({ command }: Process) => /postgres/.test(command);
  const [server, postgres, others] = await Promise.all([
    cpuSeconds([{ pid: serverPid, command: '' }]),
    cpuSeconds(family.filter(isPostgres)),
    cpuSeconds(family.filter((process) => !isPostgres(process) && process.pid !== serverPid)),
  ]);
  return { server, postgres, others };
}
