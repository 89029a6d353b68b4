import { defineEffect } from '../runtime/effect.ts';
import { append, holdChains, unrecorded } from './chains.ts';
import { inOrder } from './order.ts';

/**
 * Records every event in its workspace's hash chain: whoever changes, removes, inserts or reorders
 * one afterwards breaks it.
 *
 * @param key see `auditKey`; who doesn't have it can't make a chain that holds, even where they can
 * write the whole database
 */
export const audit = ({ key }: { key: Buffer }) =>
  defineEffect({
    name: 'audit',
    description: 'Records every event in an append-only hash chain per workspace.',
    on: ['*'],
    ordering: 'exclusive',
    async transact(tx, events) {
      const chains = await holdChains(tx, events);
      await append(tx, key, chains, inOrder(await unrecorded(tx, events)));
    },
  });
