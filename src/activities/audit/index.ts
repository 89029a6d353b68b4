import type { DomainEvent } from '../../events/index.ts';
import { groupBy } from '../../group-by.ts';
import { defineEffect } from '../runtime/effect.ts';
import { append, lockChains, unrecorded } from './chains.ts';

/**
 * Records every event in its workspace's hash chain. Changing, removing, inserting or reordering an
 * entry afterwards breaks the chain.
 *
 * @param key see `auditKey`. Without it nobody can make a valid chain, even with write access to
 * the whole database.
 */
export const audit = ({ key }: { key: Buffer }) =>
  defineEffect({
    name: 'audit',
    description: 'Records every event in an append-only hash chain per workspace.',
    on: ['*'],
    // The chain holds what lies in the log.
    as: 'stored',
    ordering: 'exclusive',
    async transact(tx, events) {
      const chains = await lockChains(tx, events);
      await append(tx, key, chains, inRecordingOrder(await unrecorded(tx, events)));
    },
  });

/**
 * Sorts events by id, which is by time. Within the places that the events of a key (or a channel)
 * then have, they keep the order of their seqs. The same events always come out in the same order.
 */
function inRecordingOrder(events: DomainEvent[]): DomainEvent[] {
  const byId = [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
  const sequences = groupBy(byId, sequenceOf);
  for (const log of sequences.values()) log.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  return byId.map((event) => sequences.get(sequenceOf(event))?.shift() ?? event);
}

/** An event without a key is a sequence of its own. In a channel the key is the channel. */
const sequenceOf = ({ workspace_id, key, id }: DomainEvent) =>
  key === null ? id : `${workspace_id} ${key}`;
