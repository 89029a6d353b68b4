// `npm run screenshots`: brings a product up, gives it something to do and something that fails,
// and takes docs/console/*.png.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { chromiumPath, launchChromium, signIn } from '../test/whole/console/chromium.ts';

interface Up {
  api_url: string;
  admin_key: string;
  api_key: string;
}

/**
 * How long there is traffic before pictures are taken, so that the charts have something to show;
 * in s.
 */
const TRAFFIC = 240;
const folder = 'docs/console';

async function bringUp(): Promise<{ up: Up; stop(): Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), 'knockon-screenshots-'));
  const env = { ...process.env, KNOCKON_HOME: home, KNOCKON_WEBHOOK_ATTEMPTS: '2' };
  const child = spawn(process.execPath, ['bin/knockon.js', 'up', '--port', '0', '--json'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const file = join(home, 'up.json');
  while (!existsSync(file)) {
    if (child.exitCode !== null) throw new Error('`knockon up` has ended');
    await wait(200);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
    rmSync(home, { recursive: true, force: true });
  };
  return { up: JSON.parse(readFileSync(file, 'utf8')) as Up, stop };
}

async function call(
  { api_url }: Up,
  key: string,
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: what is asked for here is known to be there
): Promise<any> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(api_url + path, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return await answer.json();
}

const said = [
  '@ada have you seen the moth?',
  'which relay was it?',
  '@grace panel F, it is taped in the log now',
  'deploying in five minutes',
];

/** Posts until it is stopped, in waves. @returns stops it */
async function post(up: Up): Promise<() => Promise<void>> {
  const channels = await Promise.all(
    ['support', 'orders'].map((name) => call(up, up.api_key, 'POST', '/v1/channels', { name })),
  );
  let isOver = false;
  const one = (_: unknown, i: number) => {
    const message = { author: ['ada', 'grace', 'alan'][i % 3], text: said[i % said.length] };
    return call(up, up.api_key, 'POST', `/v1/channels/${channels[i % 2].id}/messages`, message);
  };
  const goOn = async () => {
    for (let second = 0; !isOver; second += 1) {
      const size = Math.round(16 + 7 * Math.sin(second / 15) + 3 * Math.sin(second / 3));
      await Promise.all([wait(1000), ...Array.from({ length: size }, one)]);
    }
  };
  const posting = goOn();
  return async () => {
    isOver = true;
    await posting;
  };
}

/**
 * Has endpoints answer, and one subscriber paused for a while, so that there is something to see.
 * @returns what failed in part
 */
async function trouble(up: Up, urls: string[]): Promise<{ message: string; endpoint: string }> {
  let endpoint = '';
  for (const url of urls)
    endpoint = (
      await call(up, up.api_key, 'POST', '/v1/endpoints', { url, event_types: ['message.created'] })
    ).id;
  await wait(0.7 * TRAFFIC * 1000);
  await call(up, up.admin_key, 'POST', '/v1/ops/subscribers/search/pause', {
    reason: 'the index is being moved',
  });
  await wait(0.3 * TRAFFIC * 1000);
  const { data } = await call(
    up,
    up.admin_key,
    'GET',
    '/v1/ops/dead_letters?cause=HTTP%20500&limit=200',
  );
  return { message: data.at(-1).message_id, endpoint };
}

interface Taken {
  colorScheme: 'light' | 'dark';
  /** The window's, in pixels. */
  size: { width: number; height: number };
  /** What follows the picture's name. */
  suffix: string;
  places: Record<string, string>;
}

async function take(
  browser: Browser,
  up: Up,
  { colorScheme, size, suffix, places }: Taken,
): Promise<void> {
  const page = await browser.newPage({ viewport: size, colorScheme });
  await signIn(page, up.api_url, up.admin_key);
  for (const [name, place] of Object.entries(places)) {
    await page.goto(`${up.api_url}/console${place}`);
    await page.locator('.connection.live').waitFor();
    await page.locator('.loading').first().waitFor({ state: 'hidden' });
    await wait(name === 'overview' ? 5000 : 1500);
    await page.screenshot({ path: join(folder, `${name}${suffix}-${colorScheme}.png`) });
  }
  await page.close();
}

if (!chromiumPath)
  throw new Error(
    'No chromium is found: install one (Debian: apt-get install chromium), or set CHROME_PATH.',
  );
mkdirSync(folder, { recursive: true });
// One endpoint takes all, the other refuses some for good and fails at some. (410 would disable
// it.)
const receiver = createServer(({ url, headers }, response) => {
  const last = String(headers['webhook-id']).at(-1);
  const status =
    url === '/archive' || !last
      ? 204
      : last === '0'
        ? 500
        : last === 'a' && Math.random() < 0.5
          ? 422
          : 204;
  response.writeHead(status).end();
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const { port } = receiver.address() as AddressInfo;
const { up, stop } = await bringUp();
try {
  const browser = await launchChromium();
  const stopPosting = await post(up);
  const { message, endpoint } = await trouble(up, [
    `http://127.0.0.1:${port}/archive`,
    `http://127.0.0.1:${port}/orders`,
  ]);
  const some = { overview: '?past=15m', journey: `/journey/${message}` };
  const rest = {
    subscribers: '/subscribers',
    failed: '/failed',
    events: '/events',
    'event-types': '/event-types',
    endpoint: `/endpoints/${endpoint}`,
  };
  for (const colorScheme of ['light', 'dark'] as const) {
    await take(browser, up, {
      colorScheme,
      size: { width: 1280, height: 1100 },
      suffix: '',
      places: { ...some, ...rest },
    });
    await take(browser, up, {
      colorScheme,
      size: { width: 390, height: 844 },
      suffix: '-phone',
      places: some,
    });
  }
  await stopPosting();
  await browser.close();
} finally {
  await stop();
  receiver.close();
}
