import { dead, failing, hanging, slow, unresolvable } from './endpoints.ts';
import type { Bad } from './habit.ts';
import { lock, sockets, streams } from './holders.ts';
import { audits, guesses, searches, sends } from './requests.ts';
import { texts, volumes } from './texts.ts';

/** All who live beside the good one. */
export const all: Bad[] = [
  slow,
  hanging,
  dead,
  unresolvable,
  failing,
  searches,
  audits,
  sends,
  guesses,
  lock,
  texts,
  volumes,
  streams,
  sockets,
];

/** @param only the beginnings of their names; empty: all @throws where nobody is called so */
export function chosen(only: string[]): Bad[] {
  const found = all.filter(
    ({ name }) => only.length === 0 || only.some((beginning) => name.startsWith(beginning)),
  );
  if (found.length === 0)
    throw new Error(
      `--only must name bad neighbours among ${all.map(({ name }) => name).join(', ')}`,
    );
  return found;
}
