import type { Contestant } from './contestant.ts';
import {
  knockonAll,
  knockonApi,
  knockonEvents,
  knockonHttp,
  knockonHttpHanging,
  knockonOrdered,
  knockonShipped,
  knockonSql,
} from './knockon.ts';
import { floor, orderedPeers, peers } from './peers.ts';

/** In the order of the tables; the first is what the others are compared with. */
export const contestants: Contestant[] = [
  floor,
  ...peers,
  knockonApi,
  knockonAll,
  knockonHttp,
  knockonHttpHanging,
  knockonEvents,
  knockonSql,
  knockonShipped,
];

/** Those of the ordered part: one at a time within a channel. */
export const orderedContestants: Contestant[] = [...orderedPeers, knockonOrdered];

/**
 * Who is measured most: in every shape in every round, and in the parts that take too long for all.
 */
export const ours = ['naive', 'knockon', 'knockon-shipped'];
