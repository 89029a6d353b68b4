import { isFree } from '../../src/local/launcher/ports.ts';

/**
 * Below the ports that systems hand out by themselves: nobody takes one while its process is down.
 */
const [FIRST, LAST] = [20_000, 32_000];

/** `count` ports that are free and stay so. */
export async function quietPorts(count: number): Promise<number[]> {
  const found: number[] = [];
  let port = FIRST + Math.floor(Math.random() * (LAST - FIRST - 1000));
  for (; found.length < count; port += 1) {
    if (port >= LAST) throw new Error(`there are not ${count} free ports from ${FIRST} to ${LAST}`);
    if (await isFree(port)) found.push(port);
  }
  return found;
}
