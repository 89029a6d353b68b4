import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { forkProcess } from '../child.ts';
import { postRequest } from '../connection.ts';
import { messages } from '../messages.ts';
import { anotherDatabase } from '../product.ts';
import type { Contestant } from './contestant.ts';

/** The handler everybody writes first, in a process of its own with the same driver. */
export const naive: Contestant = {
  name: 'naive',
  title: 'naive transaction, no effects',
  async enter(product) {
    const env = { DATABASE_URL: await anotherDatabase(product, 'naive') };
    const { url, pid, stop } = await forkProcess(fileURLToPath(new URL('./naive-server.ts', import.meta.url)), { env });
    return {
      url,
      pid,
      effects: 0,
      requests: async (shape) => {
        const channels = Array.from({ length: shape }, () => randomUUID());
        return messages(4000).map((message, i) =>
          postRequest(`${url}/channels/${channels[i % shape]}/messages`, {}, JSON.stringify(message)),
        );
      },
      watch: async () => ({ settled: async () => {} }),
      stop,
    };
  },
};
