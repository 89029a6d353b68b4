import { dirname } from 'node:path';
import { findUpFile } from '../../src/cli/api/find-api.ts';
import type { UpFile } from '../../src/local/launcher/up-file.ts';

/** Thrown where a drill may not be held; says why and what to do. */
export class RefusedError extends Error {
  override name = 'RefusedError';
}

/**
 * The product that runs here, by its up.json; undefined where none runs.
 *
 * @throws RefusedError where that is not on this machine
 */
export async function findRunning(): Promise<{ up: UpFile; home: string } | undefined> {
  const found = findUpFile();
  if (!found) return undefined;
  const up = found.up as UpFile;
  for (const address of [
    up.api_url,
    up.database_url,
    ...(up.temporal_address ? [`tcp://${up.temporal_address}`] : []),
  ]) {
    if (!isLoopback(address))
      throw new RefusedError(
        `${found.path} names ${new URL(address).host}, which is not this machine: drills break things, and only here.`,
      );
  }
  const answers = await fetch(`${up.api_url}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  );
  return answers ? { up, home: dirname(found.path) } : undefined;
}

/** Whether what it names is this machine and nothing else. */
export function isLoopback(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
