import { setTimeout as wait } from 'node:timers/promises';
import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';

/**
 * Connections that post as fast as they are answered, and what they hold back for: nobody's disk is
 * to be filled.
 */
const AT_ONCE = 4;
const MOST = 20_000;

/** A script of a customer's that has lost its exit condition. */
export const floodingWorkspace: Drill = {
  name: 'flooding-workspace',
  summary: 'one workspace that posts as fast as it can',
  complaint: '"Everything is a little slow today." Nobody is the only one to say so.',
  async begin(stage) {
    const customer = await Customer.at(stage, 'a runaway script');
    let [sent, refused, isOver] = [0, 0, false];
    const path = `/v1/channels/${customer.channelId}/messages`;
    const flood = async () => {
      while (!isOver) {
        const status = await stage
          .call('POST', path, { author: 'bot', text: `retry ${sent}` }, customer.key)
          .then(
            (answer) => answer.status,
            () => 0,
          );
        if (status === 201) [sent, refused] = [sent + 1, 0];
        else refused += 1;
        if (refused > 0 || sent > MOST) await wait(250);
      }
    };
    const floods = Array.from({ length: AT_ONCE }, flood);
    stage.afterwards(async () => {
      isOver = true;
      await Promise.all(floods);
    });
    await stage.until('that much was posted', async () => sent > 500);
    return {
      words: { WORKSPACE_ID: customer.workspaceId },
      async remains() {
        if (refused < AT_ONCE) return 'it goes on posting';
        const { data } = await stage.ask('GET', '/v1/ops/subscribers');
        const backlog = data.reduce(
          (most: number, one: { backlog: number }) => Math.max(most, one.backlog),
          0,
        );
        return backlog > 0 ? `${backlog} events still wait for their effects` : null;
      },
    };
  },
};
