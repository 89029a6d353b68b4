import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';

/** Somebody pauses search, is called away, and nobody remembers. */
export const forgottenPause: Drill = {
  name: 'forgotten-pause',
  summary: 'a subscriber that somebody has paused and forgotten',
  complaint: '"What I wrote this afternoon can\'t be found. What I wrote in the morning can."',
  async begin(stage) {
    const { pg } = stage;
    const customer = await Customer.at(stage, 'the afternoon shift');
    await customer.post('written in the morning');
    await stage.ask('POST', '/v1/ops/subscribers/search/pause', {
      reason: 'the index is being moved',
    });
    stage.afterwards(() => stage.call('POST', '/v1/ops/subscribers/search/resume'));
    await customer.postMany(20, (n) => `written in the afternoon, ${n}`);
    // Nobody practises for hours: the pause is told to have begun then.
    await pg`update knockon.controls set paused_at = paused_at - interval '3 hours' where subscriber = 'search'`;
    await stage.until(
      'that events wait for search',
      async () => (await stage.subscriber('search')).backlog >= 20,
    );
    return {
      words: {},
      async remains() {
        const { state, backlog } = await stage.subscriber('search');
        if (state === 'paused') return 'search is paused';
        return backlog > 0 ? `${backlog} events wait for search` : null;
      },
    };
  },
};
