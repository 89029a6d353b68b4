import { readFile } from 'node:fs/promises';
import { Hono } from 'hono';
import { answerAsset, lazyAsset } from '../asset.ts';
import type { Env } from '../router.ts';

/**
 * Where `npm run build` leaves Swagger UI's own files; the same from src/ and from dist/. The page
 * works without the internet.
 */
const folder = new URL('../../../dist/docs/', import.meta.url);

const assets: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Knock-on API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const startScript =
  "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, " +
  'persistAuthorization: false, validatorUrl: null });\n';

/**
 * Swagger UI sets styles inline and draws its icons from data URLs; everything else comes from
 * here.
 */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' " +
  "data:; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Where everything is, for people who have come to the API's address. */
const start = { docs: '/docs', openapi: '/openapi.json', console: '/console' };

const startPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Knock-on</title>
</head>
<body>
<h1>Knock-on</h1>
<ul>
<li><a href="/docs">The API's documentation</a>, and
<a href="/openapi.json">its OpenAPI document</a></li>
<li><a href="/console">The console</a>, for operators</li>
</ul>
</body>
</html>
`;

/** The documentation page, and the way to it. */
export function docsRoutes(): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/', (c) => {
    c.header('vary', 'accept');
    if (!/\btext\/html\b/.test(c.req.header('accept') ?? '')) return c.json(start);
    return c.html(startPage, 200, {
      'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    });
  });
  const html = lazyAsset('text/html; charset=utf-8', () => page);
  for (const path of ['/docs', '/docs/'])
    app.get(path, async (c) => answerAsset(c, await html(), { 'content-security-policy': policy }));
  const script = lazyAsset('text/javascript; charset=utf-8', () => startScript);
  app.get('/docs/start.js', async (c) => answerAsset(c, await script()));
  for (const [file, type] of Object.entries(assets)) {
    const asset = lazyAsset(type, () => readFile(new URL(file, folder)));
    app.get(`/docs/${file}`, async (c) =>
      answerAsset(c, await asset(), { 'cache-control': 'public, max-age=3600' }),
    );
  }
  return app;
}
