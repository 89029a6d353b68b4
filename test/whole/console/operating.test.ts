import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Customer, soon } from '../../harness/customer.ts';
import { OPERATOR, type TestProcess, useDeployment } from '../../harness/processes.ts';
import { barriers, describeInBrowser, overflow, useBrowser } from './browser.ts';
import { signIn } from './chromium.ts';

describeInBrowser('operating in the console', () => {
  const deployment = useDeployment(() => ({
    KNOCKON_WEBHOOK_ATTEMPTS: '1',
    KNOCKON_SHUTDOWN: '60s',
  }));
  const browser = useBrowser();
  let api: TestProcess;
  let acme: Customer;
  let receiver: Server;
  let isBroken = true;

  beforeAll(async () => {
    api = await deployment.current.start('api');
    await Promise.all([
      deployment.current.start('worker workflows'),
      deployment.current.start('worker effects'),
    ]);
    acme = await Customer.at(api.url);
    receiver = createServer((_, response) => response.writeHead(isBroken ? 500 : 200).end());
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => receiver?.close());

  const opened = async (place = '/console', key = OPERATOR): Promise<Page> => {
    const page = await browser.open();
    await signIn(page, api.url, key, place);
    return page;
  };
  const row = (page: Page, name: string) => page.locator(`[data-subscriber="${name}"]`);
  const backlog = (page: Page, name: string) =>
    row(page, name).locator('[data-figure="backlog"]').textContent();

  async function operator(role: string): Promise<string> {
    const headers = { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' };
    const made = await fetch(`${api.url}/v1/ops/operators`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: role, role }),
    });
    return ((await made.json()) as { api_key: string }).api_key;
  }

  async function put(path: string, body: object): Promise<void> {
    const answer = await fetch(`${api.url}/v1/ops/${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.ok, await answer.text()).toBe(true);
  }

  it('a wrong key is told so, the right one leads to live figures, and signing out ends it', async () => {
    const page = await browser.open();
    await page.goto(`${api.url}/console`);
    await page.getByLabel("Operator's key").fill('not the key');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('No operator has this key').waitFor();
    await page.getByLabel("Operator's key").fill(OPERATOR);
    await page.keyboard.press('Enter');
    await page.getByText('Messages a second').waitFor();
    await page.getByRole('figure').nth(2).waitFor();
    await page.locator('.connection.live').waitFor();
    expect(
      await page.evaluate('[document.cookie, localStorage.length + sessionStorage.length]'),
    ).toEqual(['', 0]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('a paused subscriber keeps what comes, and does it when it is resumed', async () => {
    const page = await opened('/console/subscribers');
    await row(page, 'search').getByRole('button', { name: 'Pause search' }).click();
    await page.getByLabel('Reason').fill('the index is being moved');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await row(page, 'search').getByText('the index is being moved').waitFor();
    await Promise.all(Array.from({ length: 20 }, () => acme.post()));
    await expect.poll(() => backlog(page, 'search'), soon).toBe('20');
    await expect.poll(() => backlog(page, 'audit'), soon).toBe('0');
    await row(page, 'search').getByRole('button', { name: 'Resume search' }).click();
    await expect.poll(() => backlog(page, 'search'), soon).toBe('0');
    await row(page, 'search').getByText('active', { exact: true }).waitFor();
  });

  it('a limit is set and taken back, and the log says who did it', async () => {
    const page = await opened('/console/subscribers/cache');
    for (const [limit, state] of [
      ['50', 'limited'],
      ['', 'active'],
    ] as const) {
      await page.getByRole('button', { name: 'Limit cache' }).click();
      await page.getByLabel('Events a second').fill(limit);
      await page.getByRole('button', { name: 'Set the limit' }).click();
      await page.locator('.facts').getByText(state, { exact: true }).waitFor();
    }
    await page.getByRole('navigation').getByRole('link', { name: 'Log' }).click();
    await page.getByRole('row', { name: 'limit' }).nth(1).waitFor();
    expect(await page.getByRole('row', { name: 'limit' }).first().textContent()).toContain(
      'operator',
    );
  });

  it('a schedule is triggered, paused and resumed, and leads to what it has emitted', async () => {
    await put('event_types/report.due', {
      description: 'A report is due.',
      schema: { type: 'object' },
    });
    const { workspaceId: workspace_id } = acme;
    await put('schedules/nightly', { workspace_id, cron: '0 3 1 1 *', event_type: 'report.due' });
    const page = await opened('/console/schedules');
    const nightly = page.getByRole('row', { name: 'nightly' });
    await nightly.getByText('never').waitFor();
    await nightly.getByRole('button', { name: 'Trigger nightly' }).click();
    await page.getByText('A run of nightly was emitted.').waitFor();
    await nightly.getByText('never').waitFor({ state: 'detached' });

    await nightly.getByRole('button', { name: 'Pause nightly' }).click();
    await page.getByLabel('Reason').fill('the report is wrong');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await nightly.getByText('the report is wrong').waitFor();
    await nightly.getByRole('button', { name: 'Resume nightly' }).click();
    await nightly.getByRole('button', { name: 'Pause nightly' }).waitFor();
    await nightly.getByRole('cell').nth(2).getByRole('link').click();
    await page.getByText('report.due').first().waitFor();
  });

  it('what is for later is listed apart, and so is what was cancelled', async () => {
    const deliver_at = new Date(Date.now() + 200 * 86_400_000).toISOString();
    const emit = async () => {
      const event = { type: 'report.due', payload: {}, deliver_at };
      return (await acme.call('POST', '/v1/events', event)).body.id as string;
    };
    const [stays, goes] = [await emit(), await emit()];
    expect((await acme.call('DELETE', `/v1/events/${goes}`)).status).toBe(204);
    const page = await opened('/console/events?state=scheduled');
    const listed = page.getByRole('rowgroup').last().getByRole('row');
    for (const [state, id] of [
      ['scheduled', stays],
      ['cancelled', goes],
    ] as const) {
      await page.getByLabel('For later').selectOption(state);
      await page.getByRole('button', { name: 'Show', exact: true }).click();
      await expect.poll(() => listed.count(), soon).toBe(1);
      await listed.getByText(state, { exact: true }).waitFor();
      await page.goto(`${api.url}/console/journey/${id}`);
      await page.getByText(/, for .*20\d\d/).waitFor();
      await page.goBack();
    }
  });

  it('what was given up is grouped by cause, and done once it is tried again', async () => {
    const { port } = receiver.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/hook`;
    expect(
      (await acme.call('POST', '/v1/endpoints', { url, event_types: ['message.created'] })).status,
    ).toBe(201);
    const messages = await Promise.all(Array.from({ length: 5 }, () => acme.post()));
    const page = await opened('/console/failed');
    const cause = page.locator('[data-cause="HTTP 500"]');
    await expect.poll(() => cause.getByRole('cell').nth(1).textContent(), soon).toBe('5');
    isBroken = false;
    await cause.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('link', { name: 'See how far it is' }).click();
    await page.locator('.facts').getByText('done', { exact: true }).waitFor({ timeout: 60_000 });
    await page.getByRole('navigation').getByRole('link', { name: 'Failed' }).click();
    await page.getByText('Nothing has been given up').waitFor();

    await page.goto(`${api.url}/console/journey/${messages[0].id}`);
    await page.locator('[data-effect="webhooks"][data-state="done"]').waitFor();
    const workflow = page.getByRole('link', { name: 'Workflow in Temporal' });
    const href = await workflow.getAttribute('href');
    expect(href).toMatch(/^http:\/\/localhost:8233\/namespaces\/.+\/workflows\/[0-9a-f-]{36}/);
    // And from the workflow back to the message.
    const [, id] = /workflows\/([0-9a-f-]{36})/.exec(href!)!;
    await page.getByLabel('Id of a message').fill(id!);
    await page.keyboard.press('Enter');
    await page.getByText('message.created').first().waitFor();
  });

  it('an endpoint shows what it answered, and is limited, disabled, enabled and tried', async () => {
    const page = await opened('/console/endpoints');
    await page.getByRole('link', { name: /\/hook$/ }).click();
    await page.getByRole('heading', { name: 'Last answers' }).waitFor();
    await page.getByText('HTTP 500 in').first().waitFor();
    await page.getByRole('button', { name: 'Limit' }).click();
    await page.getByLabel('Deliveries a second').fill('20');
    await page.getByRole('button', { name: 'Set the limit' }).click();
    await page.getByText('20/s at most', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByLabel('Reason').fill('it is being moved');
    await page.getByRole('button', { name: 'Disable it' }).click();
    await page.getByText('by an operator: it is being moved').waitFor();
    await page.getByRole('button', { name: 'Enable' }).click();
    await page.getByRole('button', { name: 'Try now' }).click();
    await page.getByText('Nothing waits for it').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Log' }).click();
    await page
      .getByRole('row', { name: 'disable endpoint' })
      .getByText('it is being moved')
      .waitFor();
  });

  it.each([
    ['a desk', 'billing', { width: 1280, height: 800 }],
    ['a phone', 'ledger', { width: 390, height: 740 }],
  ])('an HTTP service is subscribed, tried and changed on %s', async (_, name, viewport) => {
    isBroken = false;
    const { port } = receiver.address() as AddressInfo;
    const page = await opened('/console/subscribers');
    await page.setViewportSize(viewport);
    const dialog = page.getByRole('dialog');
    const fits = async () => {
      expect(await barriers(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);
    };
    await page.getByRole('button', { name: 'Subscribe an HTTP service' }).click();
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByLabel('URL').fill(`http://127.0.0.1:${port}/events`);
    await dialog.getByLabel('Event types').fill('mess*');
    await dialog.getByLabel('Calls at once of one workspace').fill('4');
    await dialog.getByLabel('Events of one workspace a second').fill('2.5');
    await dialog.getByRole('button', { name: 'Subscribe' }).click();
    await dialog.getByRole('alert').getByText('is no pattern of event types').waitFor();
    await fits();
    await dialog.getByLabel('Event types').fill('message.*, channel.created');
    await dialog.getByRole('button', { name: 'Subscribe' }).click();
    await dialog.getByText(/^whsec_/).waitFor();
    await fits();
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    await row(page, name).getByText('4 calls at once and 2.5/s a workspace at most').waitFor();
    await row(page, name).getByRole('link', { name }).click();
    await page.getByText('message.*, channel.created').waitFor();
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByText(/^It answered 200 in \d+ ms\./).waitFor();
    await page.getByRole('button', { name: 'Change' }).click();
    await dialog.getByLabel('Order').selectOption('key');
    await fits();
    await dialog.getByRole('button', { name: 'Change' }).click();
    await page.getByText('ordering: key').waitFor();
    await page.getByRole('button', { name: 'Replace its secret' }).click();
    await dialog.getByText(/^whsec_/).waitFor();
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    await fits();
  });

  it('a replay is counted first, then runs to its end', async () => {
    const page = await opened('/console/jobs');
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByRole('combobox', { name: 'Subscriber' }).selectOption('search');
    await page.getByRole('button', { name: 'Dry run' }).click();
    const planned = page.getByRole('dialog').getByRole('row', { name: 'search' });
    expect(await planned.getByRole('cell').first().textContent()).toBe('25');
    await page.getByRole('button', { name: 'Start the replay' }).click();
    // By its verb: the retry of the test before is done already, and first until this one is
    // listed.
    const operation = page
      .locator('[data-operation]')
      .filter({ has: page.getByRole('link', { name: /^replay / }) });
    await operation.getByText(/^(\d+) of \1/).waitFor({ timeout: 60_000 });
    await operation.getByText('done', { exact: true }).waitFor({ timeout: 60_000 });
    expect(
      await operation
        .locator('progress')
        .evaluate((bar) => (bar as unknown as { position: number }).position),
    ).toBe(1);
  });

  it('a viewer sees everything, and no button that does something', async () => {
    const page = await opened('/console/subscribers', await operator('viewer'));
    await row(page, 'search').waitFor();
    for (const place of ['subscribers', 'failed', 'jobs']) {
      await page.goto(`${api.url}/console/${place}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.getByText('Loading').waitFor({ state: 'hidden' });
      expect(await page.locator('main').getByRole('button').count()).toBe(0);
    }
  });

  it('it can be used without a mouse: signing in, pausing, taking that back; Escape closes, and the focus is where it was', async () => {
    const page = await browser.open();
    await page.goto(`${api.url}/console/subscribers`);
    await page.getByLabel("Operator's key").waitFor();
    await page.keyboard.type(OPERATOR);
    await page.keyboard.press('Enter');
    await row(page, 'cache').waitFor();
    const focused = () =>
      page.evaluate<string>(
        `document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent`,
      );
    const tabTo = async (label: string) => {
      for (let i = 0; i < 60 && (await focused()) !== label; i += 1)
        await page.keyboard.press('Tab');
      expect(await focused()).toBe(label);
    };
    await tabTo('Pause cache');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await focused()).toBe('Pause cache');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.type('by keyboard');
    await page.keyboard.press('Enter');
    await row(page, 'cache').getByText('by keyboard').waitFor();
    await tabTo('Resume cache');
    await page.keyboard.press('Enter');
    await row(page, 'cache').getByText('active', { exact: true }).waitFor();
  });

  it('whoever closes a dialog and asks for it again at once gets it', async () => {
    const page = await opened('/console/subscribers');
    await row(page, 'cache').getByRole('button', { name: 'Pause cache' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    // The page has had no turn of its own between closing and asking, as on a machine that is slow
    // for a moment.
    await page.evaluate(`(async () => {
      document.querySelector('dialog button[type=button]').click();
      for (let turn = 0; turn < 3; turn += 1) await undefined;
      document.activeElement.click();
    })()`);
    await page.getByRole('dialog').waitFor();
    await page.keyboard.type('asked again');
    expect(await page.getByLabel('Reason').inputValue()).toBe('asked again');
  });

  it('an API that stops lets go of open streams at once; the page says so, and goes on by itself', async () => {
    const page = await opened();
    await page.locator('.connection.live').waitFor();
    const { port } = new URL(api.url);
    const began = Date.now();
    expect(await api.stop()).toEqual({ code: 0, signal: null });
    expect(Date.now() - began).toBeLessThan(40_000);
    await page.getByText('The connection to the API is lost').waitFor();
    api = await deployment.current.start('api', { KNOCKON_PORT: port });
    await page.locator('.connection.live').waitFor({ timeout: 30_000 });
  });
});
