import { expect, it } from 'vitest';
import { soon } from '../../harness/customer.ts';
import { declareTypes } from '../../harness/event-types.ts';
import type { RunningProduct } from '../../harness/running-product.ts';

/** What SQL emits and does not fit its type's schema, with all processes and a transport. */
export function misfits(product: RunningProduct): void {
  const letters = async () =>
    (await product.ops('GET', 'dead_letters?subscriber=schema')).body.data;
  const retryAll = async () => {
    const filter = { subscriber: 'schema' };
    const { body } = await product.ops('POST', 'dead_letters/retry', { filter });
    const read = async () => (await product.ops('GET', `jobs/${body.id}`)).body;
    await expect.poll(async () => (await read()).state, soon).toBe('done');
    return await read();
  };
  const effectsOf = async (id: string) => {
    const { effects } = (await product.ops('GET', `events/${id}`)).body;
    return Object.fromEntries(
      effects.map(({ subscriber, state }: Record<string, string>) => [subscriber, state]),
    );
  };

  it('an event that does not fit its schema waits for its type to be mended, and then goes to all', async () => {
    const { pg } = product.own.database;
    await declareTypes(product.own.database, ['invoice.paid']);
    const [workspace] = await pg`select id from knockon.workspaces limit 1`;
    const [emitted] = await pg`
      select knockon.emit('invoice.paid', ${workspace!['id']}::uuid, '{"amount": "five"}') as id`;
    const id = emitted!['id'];
    await expect.poll(async () => (await letters()).length, soon).toBe(1);
    expect((await letters())[0]).toMatchObject({
      event_id: id,
      cause: 'invoice.paid: amount must be a whole number',
      reason: 'does not fit invoice.paid, version 1: amount must be a whole number',
    });
    expect(await effectsOf(id)).toEqual({ schema: 'failed' });
    expect(await retryAll()).toMatchObject({ done: 0, failed: 1 });
    expect(await letters()).toHaveLength(1);
    const change = { description: '', schema: { type: 'object' } };
    const { status } = await product.ops('PUT', 'event_types/invoice.paid', change);
    expect(status).toBe(200);
    expect(await retryAll()).toMatchObject({ done: 1, failed: 0 });
    await expect
      .poll(() => effectsOf(id), soon)
      .toEqual({ audit: 'done', schema: 'done', webhooks: 'done' });
    expect(await letters()).toEqual([]);
    const { body } = await product.ops('GET', 'verify?full=true');
    expect(body.balanced).toBe(true);
  });
}
