import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { all, Customer, soon } from '../harness/customer.ts';
import { type TestProcess, useDeployment } from '../harness/processes.ts';

const greetingWorker = fileURLToPath(new URL('./greeting-worker.ts', import.meta.url));

const knockon = useDeployment();
let untouched: TestProcess[];
let acme: Customer;

beforeAll(async () => {
  untouched = await Promise.all(
    ['api', 'worker workflows', 'worker effects'].map((command) => knockon.current.start(command)),
  );
  acme = await Customer.at(untouched[0]!.url);
  await knockon.current.database
    .pg`create table greetings (message_id uuid primary key, text text not null)`;
});

const greetings = async () =>
  (await knockon.current.database.pg`select message_id, text from greetings`).map((row) => ({
    ...row,
  }));

describe('a new effect, deployed in a process of its own', () => {
  it('gets the events from then on, while API and workflow worker run on untouched', async () => {
    const before = await acme.post();
    await expect.poll(() => acme.states(before.id), soon).toEqual(all('done'));

    const worker = await knockon.current.startScript(greetingWorker);
    const after = await acme.post({ author: 'grace' });
    await expect
      .poll(() => acme.states(after.id), soon)
      .toEqual({ ...all('done'), greetings: 'done' });
    expect(await greetings()).toEqual([{ message_id: after.id, text: 'Hello, grace!' }]);
    expect(await acme.states(before.id)).toEqual(all('done'));
    expect(untouched.map(({ ended }) => ended)).toEqual([undefined, undefined, undefined]);

    // Away, it keeps its place; back, it takes up what has happened meanwhile.
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    const meanwhile = await acme.post({ author: 'linus' });
    await expect
      .poll(() => acme.states(meanwhile.id), soon)
      .toEqual({ ...all('done'), greetings: 'running' });
    await knockon.current.startScript(greetingWorker);
    await expect
      .poll(greetings, soon)
      .toContainEqual({ message_id: meanwhile.id, text: 'Hello, linus!' });
  });
});
