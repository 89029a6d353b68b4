// `npm run reference`: writes docs/reference/, .env.example and what the client knows of the API
// from the code. With `--check` it
// writes nothing, and fails if one of them is stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { cliPage } from './reference/cli.ts';
import { clientRoutes, clientTypes } from './reference/client.ts';
import { eventsPage } from './reference/events.ts';
import { httpPage, readOpenApi } from './reference/http.ts';
import { environmentExample, settingsPage } from './reference/settings.ts';

const root = new URL('../', import.meta.url);
const openApi = await readOpenApi();
const pages: Record<string, string> = {
  '.env.example': environmentExample(),
  'docs/reference/settings.md': settingsPage(),
  'docs/reference/cli.md': await cliPage(),
  'docs/reference/http.md': httpPage(openApi),
  'src/client/operations.ts': clientTypes(openApi),
  'src/client/routes.ts': clientRoutes(openApi),
  'docs/reference/events.md': eventsPage(openApi),
};

const isStale = ([path, text]: [string, string]) => read(path) !== text;
const stale = Object.entries(pages).filter(isStale);
const isCheck = process.argv.includes('--check');

for (const [path, text] of stale) {
  console.log(isCheck ? `${path} is stale: run \`npm run reference\`` : `${path} written`);
  if (isCheck) continue;
  mkdirSync(dirname(new URL(path, root).pathname), { recursive: true });
  writeFileSync(new URL(path, root), text);
}
console.log(`${Object.keys(pages).length} generated files, ${stale.length} of them were stale`);
process.exit(isCheck && stale.length > 0 ? 1 : 0);

function read(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8');
  } catch {
    return undefined;
  }
}
