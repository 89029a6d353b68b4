import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** A Chromium that is there: CHROME_PATH, else the first on the PATH. */
function findChromium(): string | undefined {
  const wanted = process.env.CHROME_PATH;
  if (wanted) return wanted;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

export const chromiumPath = findChromium();

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });

/** Signs in as people do. */
export async function signIn(
  page: Page,
  url: string,
  key: string,
  place = '/console',
): Promise<void> {
  await page.goto(url + place);
  await page.getByLabel("Operator's key").fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
}
