// Makes the console out of src/console: one script and one stylesheet, which is all that it needs
// from anywhere. And puts Swagger UI's files beside it, for /docs: whoever runs Knock-on needs no
// package of theirs, nor what that brings.
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
mkdirSync('dist/docs', { recursive: true });
for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'])
  cpSync(join(swagger, file), join('dist/docs', file));

await build({
  entryPoints: { console: 'src/console/main.tsx' },
  outdir: 'dist/console',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning',
});
