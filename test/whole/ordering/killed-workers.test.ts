import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Customer, settled, soon } from '../../harness/customer.ts';
import { type TestProcess, useDeployment } from '../../harness/processes.ts';

const transcriptWorker = fileURLToPath(
  new URL('../../../examples/transcripts/worker.ts', import.meta.url),
);

const kinds: Record<string, string> = {
  'message.created': 'said',
  'message.updated': 'corrected',
  'message.deleted': 'withdrew',
};

/** That each of six writers posts, and corrects; it withdraws a third. */
const MESSAGES = 12;

const knockon = useDeployment(() => ({ KNOCKON_RELAY_AGE: '1s', KNOCKON_DISPATCH_SIZE: '20' }));
let acme: Customer;
let workers: TestProcess[];
const channels: string[] = [];

const startWorker = () => knockon.current.startScript(transcriptWorker);

beforeAll(async () => {
  const [api] = await Promise.all([
    knockon.current.start('api'),
    knockon.current.start('worker workflows'),
  ]);
  workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
  acme = await Customer.at(api.url);
  for (const name of ['one', 'two', 'three'])
    channels.push((await acme.call('POST', '/v1/channels', { name })).body.id);
});

/** Posts, edits at once, and takes back each third message, without waiting for any effect. */
async function talk(
  channel: string,
  name: string,
  messages: number,
  said: () => void,
): Promise<void> {
  for (let i = 0; i < messages; i += 1) {
    const { body } = await acme.call('POST', `/v1/channels/${channel}/messages`, {
      author: name,
      text: `${name} ${i}`,
    });
    await acme.call('PATCH', `/v1/messages/${body.id}`, { text: `${name} ${i}, corrected` });
    if (i % 3 === 0) await acme.call('DELETE', `/v1/messages/${body.id}`);
    said();
  }
}

describe('the example that is ordered per channel, with several workers that are killed', () => {
  it('sees posts, edits and deletions of each channel in the order of its log, each once', {
    timeout: 300_000,
  }, async () => {
    const { pg } = knockon.current.database;
    let said = 0;
    const talking = Promise.all(
      channels.flatMap((channel) =>
        ['ada', 'bob'].map((name) => talk(channel, name, MESSAGES, () => (said += 1))),
      ),
    );
    for (const atLeast of [15, 45]) {
      await expect.poll(() => said, { ...soon, interval: 1 }).toBeGreaterThan(atLeast);
      expect(await workers.shift()!.kill()).toEqual({ code: null, signal: 'SIGKILL' });
      workers.push(await startWorker());
    }
    await talking;
    await settled(knockon.current);

    for (const channel of channels) {
      const log =
        await pg`select message_id, type from knockon.events where channel_id = ${channel} and message_id is not null order by seq`;
      const lines =
        await pg`select message_id, kind, line::int from transcript_lines where channel_id = ${channel} order by line`;
      expect(log.length).toBe(2 * (MESSAGES + MESSAGES + MESSAGES / 3));
      expect(lines.map((row) => [row.line, row.message_id, row.kind])).toEqual(
        log.map((row, i) => [i + 1, row.message_id, kinds[row.type]]),
      );
    }
    const leaks = await pg`
      select 1 from transcript_lines t where text <> '' and exists (
        select from transcript_lines w where w.message_id = t.message_id and w.kind = 'withdrew')`;
    expect(leaks).toEqual([]);
  });
});
