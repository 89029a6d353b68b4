import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { chromiumPath, launchChromium } from './chromium.ts';

/** Tests in a real browser; where there is none they are skipped, and it is said how to get one. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (!chromiumPath)
    console.warn(
      `Skipped, because no chromium is found: ${name}. Install one (Debian: apt-get install chromium) or set CHROME_PATH.`,
    );
  describe.skipIf(!chromiumPath)(name, tests);
}

/**
 * A browser for the tests of a file. Whatever a page complains of, a violated policy above all,
 * fails the test it happened in.
 */
export interface TestBrowser {
  /** A page with cookies of its own. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** What pages have said of calls that were refused, since it was last asked. */
  refusals(): string[];
}

export function useBrowser(): TestBrowser {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];
  const refused: string[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.close());
  const open = async (options: BrowserContextOptions = {}) => {
    const context = await browser.newContext(options);
    contexts.push(context);
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (said) => {
      // That a call was refused is what some tests are about.
      if (said.type() !== 'error') return;
      if (said.text().startsWith('Failed to load resource'))
        refused.push(`${said.text()} ${said.location().url}`);
      else complaints.push(said.text());
    });
    return page;
  };
  return { open, refusals: () => refused.splice(0) };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds serious or critical on the page as it is, each as rule and place. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
  );
}

/** How much wider the page is than its window, in pixels. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
