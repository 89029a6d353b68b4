import type { Sql } from 'postgres';

/** What operations need to know of a subscriber. */
export interface KnownSubscriber {
  name: string;
  again: 'freely' | 'asked' | 'never';
  ordering: 'none' | 'key' | 'exclusive';
  /** Most events a call. */
  batch: number;
}

/** @returns undefined where nobody of that name has registered, or it is retired */
export async function findSubscriber(pg: Sql, name: string): Promise<KnownSubscriber | undefined> {
  const [row] = await pg<
    KnownSubscriber[]
  >`select name, again, ordering, batch from knockon.subscribers where name = ${name}
    and retired_at is null`;
  return row;
}
