import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { startWorker } from '../parts/worker.ts';

/** A worker that a deployment has forgotten goes on with the version before. */
export const versionSkew: Drill = {
  name: 'version-skew',
  summary: 'a worker of the version before, which a deployment has left running',
  complaint: '"The mistake in the statistics that you have mended still happens, now and then."',
  async begin(stage) {
    const worker = await startWorker(stage, ['worker', 'effects', '--only', 'analytics'], {
      KNOCKON_VERSION: '0.0.9',
    });
    const customer = await Customer.at(stage, 'somebody who counts');
    await customer.postMany(10, (n) => `${n}`);
    const versions = async (): Promise<string[]> => (await stage.subscriber('analytics')).versions;
    await stage.until('that the worker is known', async () => (await versions()).length > 1);
    return {
      words: { WORKER_PID: String(worker.pid) },
      remains: async () =>
        (await versions()).length > 1
          ? `analytics runs in versions ${(await versions()).join(' and ')}`
          : null,
    };
  },
};
