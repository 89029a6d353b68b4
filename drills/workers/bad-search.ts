// Search as somebody deployed it in a hurry: its new parser takes every message for a picture, and
// gives it up.
import { dead } from '../../src/activities/runtime/outcomes.ts';
import { search } from '../../src/activities/search/index.ts';
import { host } from './host.ts';

await host({
  ...search(),
  transact: async (_tx, events) =>
    events.map((event) =>
      dead(event, 'the parser found no text in it', { cause: 'no text found' }),
    ),
});
