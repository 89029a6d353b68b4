import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { startScript } from '../parts/worker.ts';

const CAUSE = 'no text found';

/** A worker of search with a mistake in it runs beside the good one, and gives up what it gets. */
export const badDeploy: Drill = {
  name: 'bad-deploy',
  summary: 'a new version of one effect that fails at what the old one does',
  complaint:
    '"Since this evening about half of what we write can\'t be found." It is every customer who says so.',
  async begin(stage) {
    const { pg } = stage;
    const customer = await Customer.at(stage, 'all of them');
    stage.afterwards(() =>
      stage.call('POST', '/v1/ops/dead_letters/retry', {
        filter: { subscriber: 'search', cause: CAUSE },
      }),
    );
    stage.afterwards(() => stage.call('POST', '/v1/ops/subscribers/search/resume'));
    const worker = await startScript(stage, new URL('../workers/bad-search.ts', import.meta.url), {
      KNOCKON_VERSION: '9.9.9',
    });
    const letters = async () => {
      const [row] = await pg<
        { n: number }[]
      >`select count(*)::int as n from knockon.dead_letters where subscriber = 'search' and cause = ${CAUSE}`;
      return row?.n ?? 0;
    };
    await stage.until('that some of it is given up', async () => {
      await customer.post('good evening');
      return (await letters()) >= 5;
    });
    await stage.until('that the worker is known', async () =>
      (await stage.subscriber('search')).versions.includes('9.9.9'),
    );
    return {
      words: { WORKER_PID: String(worker.pid) },
      async remains() {
        if (worker.isRunning()) return 'the bad version still runs';
        if ((await stage.subscriber('search')).state === 'paused') return 'search is paused';
        return (await letters()) > 0 ? `${await letters()} messages are still given up` : null;
      },
    };
  },
};
