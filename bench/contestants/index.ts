import type { Contestant } from './contestant.ts';
import { knockonAll } from './knockon.ts';
import { knockonApi } from './knockon-api.ts';
import { naive } from './naive.ts';

/** In the order of the tables; the first is what the others are compared with. */
export const contestants: Contestant[] = [naive, knockonApi, knockonAll];
