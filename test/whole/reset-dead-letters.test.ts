import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client, Connection, type WorkflowExecutionInfo } from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTemporalCli } from '../../src/local/temporal/temporal-cli.ts';
import { all, Customer, soon } from '../harness/customer.ts';
import { useDeployment } from '../harness/processes.ts';
import { callOps } from '../harness/running-product.ts';
import { Receiver } from '../harness/webhook-receiver.ts';

// One try, and no circuit: what the endpoint refuses is dead at once.
const knockon = useDeployment(() => ({
  KNOCKON_WEBHOOK_ATTEMPTS: '1',
  KNOCKON_WEBHOOK_FAILURES: '0',
}));
let receiver: Receiver;
let client: Client;
let acme: Customer;

beforeAll(async () => {
  const { temporal } = knockon.current;
  receiver = await Receiver.start();
  client = new Client({
    connection: await Connection.connect({ address: temporal.address }),
    namespace: temporal.namespace,
  });
  const [api] = await Promise.all(
    ['api', 'worker workflows', 'worker effects'].map((command) => knockon.current.start(command)),
  );
  acme = await Customer.at(api!.url);
  const { body } = await acme.call('POST', '/v1/endpoints', {
    url: receiver.url(),
    event_types: ['message.created'],
  });
  receiver.secret = body.secret;
});
afterAll(async () => {
  await client?.connection.close();
  await receiver?.stop();
});

const query = 'ExecutionStatus="Failed" AND FailedEffects="webhooks"';

/**
 * Posts a message whose endpoint says 500: the webhook is dead at once. Its workflow, found as
 * people find it, once it has failed.
 */
async function aFailedWorkflow(): Promise<{
  message: { id: string; event_id: string };
  found: WorkflowExecutionInfo;
}> {
  receiver.answer = (response) => response.writeHead(500).end('out of order');
  const message = await acme.post({ text: 'nobody takes this' });
  await expect
    .poll(() => acme.states(message.id), soon)
    .toEqual({ ...all('done'), webhooks: 'failed' });
  const { events } = await acme.get(`/v1/messages/${message.id}/effects`);
  const id = events[0].workflow.id;
  let found: WorkflowExecutionInfo | undefined;
  const look = async () => {
    for await (const workflow of client.workflow.list({ query }))
      if (workflow.workflowId === id) found = workflow;
    return found?.status.name;
  };
  await expect.poll(look, soon).toBe('FAILED');
  return { message, found: found! };
}

/** Everything that is written down about the message's effects, except webhooks'. */
async function written(eventId: string) {
  const { pg } = knockon.current.database;
  const [row] = await pg`
    select (select jsonb_agg(r order by subscriber) from knockon.receipts r where event_id = ${eventId} and subscriber <> 'webhooks') as receipts,
      (select jsonb_agg(a order by position) from knockon.audit_entries a) as audit, (select jsonb_agg(h) from knockon.analytics_quarters h) as analytics,
      (select jsonb_agg(s) from knockon.channel_summaries s) as summaries, (select jsonb_agg(d order by message_id) from knockon.search_documents d) as search`;
  return row;
}

/**
 * Resets a failed workflow once its cause is gone, and checks what that changes and what it
 * doesn't.
 */
async function recovers(reset: (workflow: WorkflowExecutionInfo) => Promise<void>): Promise<void> {
  const { message, found } = await aFailedWorkflow();
  const { pg } = knockon.current.database;
  const letters = () =>
    pg`select subscriber, cause, reason from knockon.dead_letters where event_id = ${message.event_id}`;
  expect(await letters()).toMatchObject([{ subscriber: 'webhooks', cause: 'HTTP 500' }]);
  const before = await written(message.event_id);

  receiver.answer = (response) => response.end();
  await reset(found);
  await expect
    .poll(
      async () => (await client.workflow.getHandle(found.workflowId).describe()).status.name,
      soon,
    )
    .toBe('COMPLETED');

  expect(await acme.states(message.id)).toEqual(all('done'));
  expect(await letters()).toEqual([]);
  expect(await written(message.event_id)).toEqual(before);
  const deliveries =
    await pg`select state from knockon.deliveries where event_id = ${message.event_id}`;
  expect(deliveries).toEqual([{ state: 'delivered' }]);
  // Refused once, taken once.
  expect(receiver.requests.filter(({ event }) => event.id === message.event_id)).toHaveLength(2);
}

describe('open dead letters', () => {
  const open = async () => {
    const found: [string, unknown, unknown][] = [];
    for await (const { workflowId, searchAttributes } of client.workflow.list({
      query: 'ExecutionStatus = "Running" AND OpenLetters > 0 AND FailedEffects = "webhooks"',
    }))
      found.push([workflowId, searchAttributes.OpenLetters, searchAttributes.FailedEffects]);
    return found;
  };
  const settle = async (verb: 'retry' | 'discard', messageId: string) => {
    const { status } = await callOps(acme.url, 'POST', `dead_letters/${verb}`, {
      filter: { message_id: messageId },
      reason: 'a test',
    });
    expect(status).toBeLessThan(300);
  };

  it('are found in Temporal until they are settled, however that is, though the workflows that wrote them stay Failed', async () => {
    const [one, other] = [await aFailedWorkflow(), await aFailedWorkflow()];
    const shown = ({ found }: typeof one) => [`letters.${found.workflowId}`, [1], ['webhooks']];
    await expect.poll(open, soon).toEqual(expect.arrayContaining([shown(one), shown(other)]));
    expect(await open()).toHaveLength(2);

    receiver.answer = (response) => response.end();
    await settle('retry', one.message.id);
    await expect.poll(open, soon).toEqual([shown(other)]);
    await settle('discard', other.message.id);
    await expect.poll(open, soon).toEqual([]);
    for (const { found } of [one, other])
      expect((await client.workflow.getHandle(found.workflowId).describe()).status.name).toBe(
        'FAILED',
      );
  });
});

describe('a workflow with a dead letter', () => {
  it('ends Failed, with a message that a person understands', async () => {
    const { found } = await aFailedWorkflow();
    const failure = await client.workflow
      .getHandle(found.workflowId)
      .result()
      .catch((error: Error) => error.cause);
    expect(failure).toMatchObject({
      message: expect.stringMatching(
        /^webhooks gave up on the message.created event: .* answered 500 .*reset this workflow/,
      ),
    });
    const pairs = found.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
    expect(Object.fromEntries(pairs)).toMatchObject({
      EventType: 'message.created',
      FailedEffects: ['webhooks'],
      WorkspaceId: [acme.workspaceId],
      ChannelId: [acme.channelId],
    });
  });

  it('completes when it is reset with its cause removed, and nothing has happened twice', async () => {
    await recovers(async ({ workflowId, runId }) => {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
      await client.workflowService.resetWorkflowExecution({
        namespace: knockon.current.temporal.namespace,
        workflowExecution: { workflowId, runId },
        workflowTaskFinishEventId: first?.eventId,
        requestId: uuidv7(),
        reason: 'the endpoint is back',
      });
    });
  });

  it('completes when it is reset by the temporal command', async () => {
    const { address, namespace } = knockon.current.temporal;
    const cli = await findTemporalCli();
    await recovers(async ({ workflowId }) => {
      const which = [
        '--workflow-id',
        workflowId,
        '--type',
        'FirstWorkflowTask',
        '--reason',
        'the endpoint is back',
      ];
      await promisify(execFile)(cli, [
        'workflow',
        'reset',
        ...which,
        '--address',
        address,
        '--namespace',
        namespace,
      ]);
    });
  });
});
