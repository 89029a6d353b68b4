import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Hono } from 'hono';
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
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#3b5bdb"/><circle cx="9" cy="16" r="4" fill="#fff"/><circle cx="23" cy="8" r="3" fill="#bac8ff"/><circle cx="23" cy="16" r="3" fill="#bac8ff"/><circle cx="23" cy="24" r="3" fill="#bac8ff"/></svg>',
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
<noscript>The console needs JavaScript. The command line does all of it too: knockon --help</noscript>
</body>
</html>
`;

const unbuilt =
  'The console is not built: run `npm run build` and start again. Until then the command line does all of it: knockon --help\n';

interface Asset {
  type: string;
  body: Buffer<ArrayBuffer>;
  gzipped: Buffer<ArrayBuffer>;
  /** Its address; another one when its content is another, so that browsers may keep it. */
  url: string;
}

async function load(name: string, type: string): Promise<Asset> {
  const body = await readFile(new URL(name, folder));
  const version = createHash('sha256').update(body).digest('base64url').slice(0, 12);
  return { type, body, gzipped: Buffer.from(await promisify(gzip)(body)), url: `/console/assets/${version}/${name}` };
}

type Assets = Record<'console.js' | 'console.css', Asset>;

/** Read once, when the first browser comes. */
function reader(): () => Promise<Assets | null> {
  let loaded: Promise<Assets | null> | undefined;
  const read = async (): Promise<Assets | null> => {
    const [script, style] = await Promise.all([
      load('console.js', 'text/javascript; charset=utf-8'),
      load('console.css', 'text/css; charset=utf-8'),
    ]);
    return { 'console.js': script, 'console.css': style };
  };
  return () => {
    loaded ??= read().catch(() => {
      // Built meanwhile, it is there for the next one.
      loaded = undefined;
      return null;
    });
    return loaded;
  };
}

/** The page, at every address below /console so that each can be opened by itself, and what it is made of. */
export function pageRoutes(): Hono<Env> {
  const app = new Hono<Env>();
  const assets = reader();
  app.get('/console/assets/:version/:name', async (c, next) => {
    const asset = (await assets())?.[c.req.param('name') as keyof Assets];
    if (!asset) return await next();
    const isCurrent = asset.url === c.req.path;
    const zipped = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
    return c.body(zipped ? asset.gzipped : asset.body, 200, {
      ...headers,
      'content-type': asset.type,
      'cache-control': isCurrent ? 'public, max-age=31536000, immutable' : 'no-store',
      vary: 'accept-encoding',
      ...(zipped && { 'content-encoding': 'gzip' }),
    });
  });
  for (const path of ['/console', '/console/*']) {
    app.get(path, async (c) => {
      const built = await assets();
      if (!built) return c.text(unbuilt, 503, headers);
      const html = page(built['console.js'].url, built['console.css'].url);
      return c.body(html, 200, { ...headers, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    });
  }
  return app;
}
