import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Customer, settled, soon } from '../../harness/customer.ts';
import { type TestProcess, useDeployment } from '../../harness/processes.ts';

const orderedWorker = fileURLToPath(new URL('./ordered-worker.ts', import.meta.url));

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

const startWorker = () => knockon.current.startScript(orderedWorker);

beforeAll(async () => {
  await knockon.current.database.pg`
    create table public.payments (place bigint generated always as identity, key text, seq int)`;
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

/** Emits under some keys by SQL, each second time in vain. */
async function pay(workspaceId: string, payments: number): Promise<void> {
  const { pg } = knockon.current.database;
  for (let n = 0; n < payments; n += 1)
    await pg
      .begin(async (tx) => {
        await tx`select knockon.emit('invoice.paid', ${workspaceId}, ${tx.json({ n })},
          key => ${`invoice-${n % 3}`})`;
        if (n % 2) throw new Error('changed my mind');
      })
      .catch((error: Error) => expect(error.message).toBe('changed my mind'));
}

describe('the example that is ordered per channel, with several workers that are killed', () => {
  it('sees what is posted, edited and deleted in each channel in order, each once; an effect beside it sees each key so', {
    timeout: 300_000,
  }, async () => {
    const { pg } = knockon.current.database;
    let said = 0;
    const talking = Promise.all(
      channels.flatMap((channel) =>
        ['ada', 'bob'].map((name) => talk(channel, name, MESSAGES, () => (said += 1))),
      ),
    );
    const paying = Promise.all([1, 2].map(() => pay(acme.workspaceId, 60)));
    for (const atLeast of [15, 45]) {
      await expect.poll(() => said, { ...soon, interval: 1 }).toBeGreaterThan(atLeast);
      expect(await workers.shift()!.kill()).toEqual({ code: null, signal: 'SIGKILL' });
      workers.push(await startWorker());
    }
    await Promise.all([talking, paying]);
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
    for (const key of ['invoice-0', 'invoice-1', 'invoice-2']) {
      const seen = await pg`select seq from public.payments where key = ${key} order by place`;
      expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, seq) => seq));
    }
    const leaks = await pg`
      select 1 from transcript_lines t where text <> '' and exists (
        select from transcript_lines w where w.message_id = t.message_id and w.kind = 'withdrew')`;
    expect(leaks).toEqual([]);
  });
});
