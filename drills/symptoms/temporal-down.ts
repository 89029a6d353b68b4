import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import { RefusedError } from '../product/find.ts';
import { processId } from '../product/processes.ts';

/** Temporal is there and does not answer, as a server that hangs. */
export const temporalDown: Drill = {
  name: 'temporal-down',
  summary: 'Temporal hangs: messages are taken, and nothing follows from them',
  complaint:
    '"We can write, but nothing comes of it: no webhooks, no notifications, nothing can be found." It is every customer who says so.',
  stops: 'Temporal',
  async begin(stage) {
    if (!stage.up.temporal_address)
      throw new RefusedError(
        'this product runs under KNOCKON_TRANSPORT=pg-boss, which has no Temporal to hang',
      );
    const customer = await Customer.at(stage, 'everybody');
    const pid = await processId(stage, 'temporal');
    process.kill(pid, 'SIGSTOP');
    stage.afterwards(async () => {
      // Whoever was started in its place does not hang.
      if ((await processId(stage, 'temporal')) === pid) process.kill(pid, 'SIGCONT');
      await stage.until('that Temporal answers', async () => !(await ill()).includes('temporal'));
    });
    const messages = 10;
    await customer.postMany(messages, (n) => `is anybody there? ${n}`);
    const ill = async (): Promise<string[]> => {
      const { findings } = await stage.ask('GET', '/v1/ops/doctor');
      return findings.flatMap(({ check, ok }: { check: string; ok: boolean }) =>
        ok ? [] : [check],
      );
    };
    return {
      words: { TEMPORAL_PID: String(pid) },
      async remains() {
        if ((await ill()).includes('temporal')) return 'Temporal does not answer';
        const { data } = await customer.ask('GET', '/v1/search?q=anybody');
        return data.length < messages
          ? `${messages - data.length} messages can't be found yet`
          : null;
      },
    };
  },
};
