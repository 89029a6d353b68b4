// Makes the console out of src/console: one script and one stylesheet, which is all that it needs from anywhere.
import { build } from 'esbuild';

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
