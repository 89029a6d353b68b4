/**
 * Does some work, and says for how many ms the processor was busy with it. A clock would also count
 * what others do on this machine meanwhile.
 */
export function processorTime<T>(work: () => T): { result: T; ms: number } {
  const began = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(began);
  return { result, ms: (user + system) / 1000 };
}
