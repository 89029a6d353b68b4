import { readFile } from 'node:fs/promises';
import { Hono } from 'hono';
import { type Asset, answerAsset, makeAsset } from '../asset.ts';
import type { Env } from '../router.ts';

/** Where `npm run build` leaves the console; the same from src/ and from dist/. */
const folder = new URL('../../../dist/console/', import.meta.url);

/** Nothing from elsewhere, nothing inline, and no page around it. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

const icon = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" ' +
    'rx="7" fill="#3b5bdb"/><circle cx="9" cy="16" r="4" fill="#fff"/><circle cx="23" cy="8" ' +
    'r="3" fill="#bac8ff"/><circle cx="23" cy="16" r="3" fill="#bac8ff"/><circle cx="23" cy="24" ' +
    'r="3" fill="#bac8ff"/></svg>',
)}`;

const page = (script: string, style: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Knock-on</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${style}">
<script type="module" src="${script}"></script>
</head>
<body>
<div id="console"></div>
<noscript>
The console needs JavaScript. The command line does all of it too: knockon --help
</noscript>
</body>
</html>
`;

const unbuilt =
  'The console is not built: run `npm run build` and start again. Until then the command line ' +
  'does all of it: knockon --help\n';

/**
 * The page, and what it is made of by its address: another one when its content is another, so that
 * browsers may keep it.
 */
interface Built {
  page: Asset;
  files: Map<string, Asset>;
  urlOf(name: string): string;
}

/** Read once, when the first browser comes. */
async function read(): Promise<Built> {
  const load = async (name: string, type: string) =>
    [name, await makeAsset(type, await readFile(new URL(name, folder)))] as const;
  const javascript = load('console.js', 'text/javascript; charset=utf-8');
  const files = new Map(
    await Promise.all([javascript, load('console.css', 'text/css; charset=utf-8')]),
  );
  const urlOf = (name: string) => `/console/assets/${files.get(name)?.hash}/${name}`;
  const html = page(urlOf('console.js'), urlOf('console.css'));
  return { page: await makeAsset('text/html; charset=utf-8', html), files, urlOf };
}

/** @returns null where it is not built; built meanwhile, it is there for the next one */
function reader(): () => Promise<Built | null> {
  let built: Promise<Built | null> | undefined;
  return () => {
    built ??= read().catch(() => {
      built = undefined;
      return null;
    });
    return built;
  };
}

/**
 * The page, at every address below /console so that each can be opened by itself, and what it is
 * made of.
 */
export function pageRoutes(): Hono<Env> {
  const app = new Hono<Env>();
  const built = reader();
  app.get('/console/assets/:version/:name', async (c, next) => {
    const [found, name] = [await built(), c.req.param('name')];
    const asset = found?.files.get(name);
    if (!asset) return await next();
    const isCurrent = found?.urlOf(name) === c.req.path;
    return answerAsset(c, asset, {
      ...headers,
      'cache-control': isCurrent ? 'public, max-age=31536000, immutable' : 'no-store',
    });
  });
  for (const path of ['/console', '/console/*']) {
    app.get(path, async (c) => {
      const found = await built();
      return found ? answerAsset(c, found.page, headers) : c.text(unbuilt, 503, headers);
    });
  }
  return app;
}
