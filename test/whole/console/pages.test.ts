import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { Customer, soon } from '../../harness/customer.ts';
import { OPERATOR, type TestProcess, useDeployment } from '../../harness/processes.ts';
import { barriers, describeInBrowser, overflow, useBrowser } from './browser.ts';
import { signIn } from './chromium.ts';

/** Every page, and what it says where there is nothing. */
const empty: Record<string, string | RegExp> = {
  '/console': 'No effect worker has been here yet',
  '/console/subscribers': 'Nobody subscribes yet',
  '/console/failed': 'Nothing has been given up',
  '/console/jobs': 'No long work yet',
  '/console/events': 'The log is empty',
  '/console/schedules': 'No schedule yet',
  '/console/journey': 'What became of a message?',
  '/console/search': 'What was said?',
  '/console/endpoints': 'Nobody has asked for webhooks yet',
  '/console/log': 'Nobody has done anything yet',
};

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

/** Pages that ask nothing before they are told what to look for. */
const waiting = ['/console/journey', '/console/search'];

/** What people write, and a word of it. */
const scripts: [text: string, word: string][] = [
  ['服务器在北京机房，已经重启', '北京'],
  ['開発環境を準備しました', '環境'],
  ['서버를 재시작했습니다', '재시작'],
  ['เซิร์ฟเวอร์ล่มเมื่อคืนนี้', 'เมื่อคืน'],
  ['تم إيقاف الخادم (v2.1) بعد النشر!', 'الخادم'],
  ['השרת nginx נפל, 3 פעמים', 'השרת'],
  ['nice 🔑 and 👩‍💻 and 🍋', '🍋'],
  ['<img src=x onerror="alert(1)"> &amp; <mark>okapi</mark>', 'okapi'],
  ['left \u202eokapi2 turned\nsecond line', 'okapi2'],
];

describeInBrowser('the pages of the console', () => {
  const deployment = useDeployment(() => ({
    KNOCKON_WEBHOOK_ATTEMPTS: '1',
    KNOCKON_SHUTDOWN: '2s',
  }));
  const browser = useBrowser();
  let api: TestProcess;
  let places: string[] = [];

  const visit = async (page: Page, place: string) => {
    await page.goto(api.url + place);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await expect.poll(() => page.locator('main .loading').count()).toBe(0);
  };

  it('say in words that there is nothing yet, and what would be there; and no call of theirs is refused', async () => {
    api = await deployment.current.start('api');
    const page = await browser.open();
    await page.goto(`${api.url}/console`);
    await page.getByLabel("Operator's key").waitFor();
    await signIn(page, api.url, OPERATOR);
    for (const [place, words] of Object.entries(empty)) {
      await visit(page, place);
      await page.getByText(words).waitFor();
    }
    expect(browser.refusals()).toEqual([]);
  });

  it('show what there is', async () => {
    await Promise.all([
      deployment.current.start('worker workflows'),
      deployment.current.start('worker effects'),
    ]);
    const acme = await Customer.at(api.url);
    const { body: endpoint } = await acme.call('POST', '/v1/endpoints', {
      url: 'http://127.0.0.1:9/hook',
      event_types: ['*'],
    });
    const message = await acme.post({ text: 'a <b>bold</b> message' });
    const ops = (path: string, method = 'GET', body?: unknown) =>
      fetch(`${api.url}/v1/ops/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${OPERATOR}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        body: JSON.stringify(body),
      }).then((answer) => answer.json() as Promise<{ id: string; data: { cause: string }[] }>);
    await expect
      .poll(async () => (await ops('dead_letters/causes')).data.length, soon)
      .toBeGreaterThan(0);
    const [cause] = (await ops('dead_letters/causes')).data;
    await ops('subscribers/cache/pause', 'POST', { reason: 'a test' });
    await expect.poll(async () => (await ops('search?q=bold')).data.length, soon).toBe(1);
    await ops('event_types/report.due', 'PUT', {
      description: 'A report is due.',
      schema: { type: 'object' },
    });
    await ops('schedules/nightly', 'PUT', {
      workspace_id: acme.workspaceId,
      cron: '0 3 * * *',
      zone: 'Europe/Berlin',
      event_type: 'report.due',
    });
    const later = await acme.post({ text: 'later', deliver_at: inDays(200) });
    const job = await ops('rebuilds', 'POST', { subscriber: 'search' });
    places = [
      ...Object.keys(empty),
      `/console/subscribers/search`,
      `/console/failed?subscriber=webhooks&cause=${encodeURIComponent(cause!.cause)}`,
      `/console/journey/${message.id}`,
      `/console/journey/${later.id}`,
      '/console/events?state=scheduled',
      `/console/jobs/${job.id}`,
      `/console/endpoints/${endpoint.id}`,
      `/console/events?type=message.created`,
      '/console/search?q=bold',
      '/console/event-types',
      '/console/event-types/message.created',
    ];
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR);
    for (const place of places) {
      await visit(page, place);
      // What is live may still be as it was before there was anything.
      if (!waiting.includes(place))
        await expect
          .poll(() => page.locator('.empty').count(), { message: place, timeout: 10_000 })
          .toBe(0);
    }
    await visit(page, `/console/journey/${message.event_id}`);
    expect(browser.refusals()).toEqual([]);
    await visit(page, `/console/journey/${message.id}`);
    const webhooks = page.locator('[data-effect="webhooks"]');
    await webhooks.getByRole('button', { name: 'Retry webhooks' }).waitFor();
    expect(await page.locator('[data-effect="search"]').textContent()).toMatch(
      /queued .+, ran .+, 1 try/,
    );
    await page.getByText('Posted to').waitFor();
    expect(await page.locator('.bare .state').first().textContent()).toBe('failed');
    await page.getByText('What the event says').click();
    expect(await page.locator('pre').textContent()).toContain('a <b>bold</b> message');
  });

  it('show each subscriber’s past in a row of its own, on round scales and at round moments, and whichever past is asked for', async () => {
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR);
    await page.getByText('The last 3 h', { exact: true }).waitFor();
    const backlog = page.getByRole('figure', { name: 'Backlog' });
    await backlog.getByRole('img').first().waitFor();
    for (const name of ['analytics', 'audit', 'cache', 'notifications', 'search', 'webhooks'])
      expect(await backlog.getByRole('img', { name: new RegExp(`^${name}: `) }).count()).toBe(1);
    const scales = await page.locator('.rows .scale').allTextContents();
    expect(scales.length).toBeGreaterThan(20);
    for (const scale of scales)
      expect(scale).toMatch(
        /^(([1-6]|8|10)(0|,000)*|(5|10|20|50|100)%|(1|2|5|10|20|30|60) (s|min|h))0$/,
      );
    expect(await backlog.locator('.marks').textContent()).toMatch(/^(\d\d:00){2,4}$/);
    await page.getByRole('link', { name: '7 d' }).click();
    await page.getByText('The last 7 d', { exact: true }).waitFor();
    expect(await backlog.locator('.marks').textContent()).toMatch(
      /^((Mon|Tue|Wed|Thu|Fri|Sat|Sun)){6,8}$/,
    );
    expect(new URL(page.url()).search).toBe('?past=7d');
    await expect
      .poll(async () => await backlog.locator('path.line').first().getAttribute('d'))
      .toMatch(/^M/);
  });

  it('can be gone to and searched by keys, which ? shows', async () => {
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).getByText('Ctrl K').waitFor();
    expect(await barriers(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'A page, a subscriber, or an id' }).waitFor();
    await page.keyboard.type('sear');
    await page.getByRole('option', { name: 'search subscriber' }).waitFor();
    expect(await barriers(page)).toEqual([]);
    // The page Search comes first, then the subscriber.
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Failed: search' }).waitFor();
    await page.keyboard.press('/');
    await page.getByRole('heading', { name: 'Journey' }).waitFor();
    const focused = () =>
      page.evaluate<string>('document.activeElement?.labels?.[0]?.textContent ?? ""');
    await expect.poll(focused).toContain('Id of a message');
    await page.keyboard.type('/?');
    expect(await page.getByLabel('Id of a message').inputValue()).toBe('/?');
    await visit(page, '/console/log');
    await page.keyboard.press('/');
    await expect.poll(focused).toBe('Verb');
  });

  it('keep the way to Temporal on a phone', async () => {
    const page = await browser.open({ viewport: { width: 390, height: 740 } });
    await signIn(page, api.url, OPERATOR);
    await page.getByRole('banner').getByRole('link', { name: 'Temporal' }).waitFor();
    expect(await overflow(page)).toBe(0);
  });

  it('list each event with what became of it, and those that failed alone', async () => {
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR);
    await visit(page, '/console/events');
    await page.getByLabel('Outcome').selectOption('failed');
    await page.getByRole('button', { name: 'Show' }).click();
    await expect
      .poll(() => page.locator('tbody .state').allTextContents())
      .toEqual(expect.arrayContaining(['failed']));
    await expect
      .poll(async () => new Set(await page.locator('tbody .state').allTextContents()))
      .toEqual(new Set(['failed']));
    await page
      .getByText(/\d of \d effects done, 1 failed/)
      .first()
      .waitFor();
  });

  it('find what was said in every script, marked and as it was written', async () => {
    const acme = await Customer.at(api.url);
    const { body: channel } = await acme.call('POST', '/v1/channels', { name: 'ערוץ (general)' });
    const say = (text: string) =>
      acme.call('POST', `/v1/channels/${channel.id}/messages`, { author: 'عادل', text });
    for (const [text] of scripts) await say(text);
    for (let n = 0; n < 51; n++) await say(`quagga ${n}`);
    const indexed = async () =>
      (await acme.get('/v1/search?limit=200&q=quagga%20or%20okapi')).data.length;
    await expect.poll(indexed, soon).toBe(52);
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR);
    await visit(page, '/console/search');
    const search = async (words: string) => {
      await page.getByLabel('Words').fill(words);
      await page.getByRole('button', { name: 'Search', exact: true }).click();
      await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe(words);
      await expect.poll(() => page.locator('main .loading').count()).toBe(0);
    };
    const said = page.locator('.hits .said');
    for (const [text, word] of scripts) {
      await search(word);
      expect(await said.allTextContents()).toEqual([text]);
      expect(await page.locator('.hits mark').allTextContents()).toEqual([word]);
    }
    expect(await page.locator('.hits bdi').allTextContents()).toEqual([
      'عادل',
      'ערוץ (general)',
      'Acme',
    ]);
    await search('quagga before:soon');
    await page.getByText('Without effect: before:soon').waitFor();
    expect(await said.count()).toBe(50);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => said.count()).toBe(51);
    await page.getByLabel('Order').selectOption('newest');
    await search('quagga');
    expect((await said.allTextContents()).slice(0, 2)).toEqual(['quagga 50', 'quagga 49']);
    await search('axolotl');
    await page.getByText('Nothing was found').waitFor();
    await search('-quagga');
    await page.getByRole('alert').getByText('must have a word').waitFor();
    expect(browser.refusals()).toEqual([expect.stringContaining('422')]);
    await page.getByLabel('Workspace').selectOption({ index: 1 });
    await search('-quagga');
    await said.first().waitFor();
  });

  it.each(['light', 'dark'] as const)(
    'have nothing in the way of anybody, in %s, and fit on a phone',
    async (colorScheme) => {
      const page = await browser.open({ colorScheme, viewport: { width: 375, height: 740 } });
      await page.goto(`${api.url}/console`);
      await page.getByLabel("Operator's key").waitFor();
      expect({
        place: 'signing in',
        barriers: await barriers(page),
        overflow: await overflow(page),
      }).toMatchObject({
        barriers: [],
        overflow: 0,
      });
      await signIn(page, api.url, OPERATOR);
      const found: unknown[] = [];
      for (const place of places) {
        await visit(page, place);
        found.push({ place, barriers: await barriers(page), overflow: await overflow(page) });
      }
      expect(found).toEqual(places.map((place) => ({ place, barriers: [], overflow: 0 })));
      await visit(page, '/console/subscribers');
      await page.getByRole('button', { name: 'Pause search' }).click();
      await page.getByRole('dialog').waitFor();
      expect({
        place: 'a dialog',
        barriers: await barriers(page),
        overflow: await overflow(page),
      }).toMatchObject({
        barriers: [],
        overflow: 0,
      });
      await page.setViewportSize({ width: 1280, height: 800 });
      await visit(page, '/console/subscribers');
      expect(await barriers(page)).toEqual([]);
    },
  );

  it('say what is wrong where a call fails, and show it once it works again', async () => {
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR);
    const problem = {
      title: 'Service Unavailable',
      status: 503,
      detail: 'The database is away; try again in a moment.',
    };
    const failing = (url: URL) =>
      url.pathname.startsWith('/v1/ops/') && !/session|stream/.test(url.pathname);
    await page.route(failing, (route) =>
      route.fulfill({ status: 503, contentType: 'application/problem+json', json: problem }),
    );
    for (const place of places.filter((one) => !waiting.includes(one))) {
      await visit(page, place);
      await page.getByRole('alert').getByText('The database is away; try again').first().waitFor();
    }
    await page.unroute(failing);
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await page.getByRole('alert').waitFor({ state: 'hidden' });
  });

  it('say so where there is no such page, thing or session any more', async () => {
    const page = await browser.open();
    await signIn(page, api.url, OPERATOR, '/console/nowhere');
    await page.getByText('The console has no such page').waitFor();
    await visit(page, '/console/subscribers/nobody');
    await page.getByText('There is nothing at this address').waitFor();
    await visit(page, '/console/journey/42');
    await page.getByText('No message, no event and no workflow').waitFor();
    await deployment.current.database.pg`delete from knockon.sessions`;
    await page.getByRole('navigation').getByRole('link', { name: 'Operations' }).click();
    await page.getByText('Your session has ended').waitFor();
    await page.getByLabel("Operator's key").fill(OPERATOR);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Operations' }).waitFor();
  });
});
