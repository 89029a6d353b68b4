// Fails where a file in src/ imports what its folder may not: the arrows of ARCHITECTURE.md point
// one way.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

/**
 * What each folder may import beside itself. `seal`, `crash-points`, `safe-error`,
 * `database-url`, `canonical-json`, `group-by`, `known-members`, `yield-to-others`, `redis` and
 * `without-nulls` are files of src/ itself.
 */
const allowed = {
  events: ['known-members'],
  // How texts are read: pure, and the same everywhere.
  text: ['yield-to-others'],
  db: ['events', 'safe-error', 'database-url'],
  outbox: [
    'db',
    'events',
    'transport/dispatch',
    'transport/transport',
    'crash-points',
    'yield-to-others',
    'known-members',
  ],
  messages: ['db', 'events', 'outbox/emit', 'crash-points'],
  transport: [
    'events',
    'safe-error',
    'db/hosts',
    'db/advisory-locks',
    'db/own-schema',
    'db/sockets',
    'db/value-settings',
    'group-by',
    'without-nulls',
  ],
  workflows: [
    'transport/dispatch',
    'transport/operation',
    'transport/retry',
    'transport/temporal-bytes',
    'group-by',
    'without-nulls',
  ],
  activities: [
    'db',
    'events',
    'transport/dispatch',
    'transport/retry/failure',
    'messages/message',
    'seal',
    'crash-points',
    'known-members',
    'safe-error',
    'canonical-json',
    'group-by',
    'yield-to-others',
    'redis',
    'text',
    'without-nulls',
  ],
  ops: ['db', 'events', 'outbox', 'transport', 'safe-error', 'group-by'],
  api: [
    'db',
    'events',
    'messages',
    'ops',
    'outbox/post-events',
    'outbox/store-events',
    'transport/temporal/grpc',
    'seal',
    'safe-error',
    'canonical-json',
    'yield-to-others',
    'redis',
    'text',
    'without-nulls',
  ],
  // Types alone: what the calls answer.
  console: ['ops'],
  // What the package exports. The client is alone, so that it brings nothing of the server.
  index: ['*'],
  embed: ['*'],
  testing: ['*'],
  client: [],
  workers: ['*'],
  cli: ['*'],
  local: ['db', 'settings', 'transport'],
  settings: ['database-url', 'db/own-schema', 'text/duration'],
  'database-url': [],
  seal: [],
  'crash-points': [],
  'safe-error': [],
  'canonical-json': [],
  'group-by': [],
  'yield-to-others': [],
  'known-members': [],
  redis: [],
  'without-nulls': [],
};

/** What workflows may import by value. */
const bundled = ['transport/retry', 'transport/temporal-bytes', 'group-by', 'without-nulls'];
const isBundled = (target) =>
  bundled.some((rule) => target === rule || target.startsWith(`${rule}/`));

const root = resolve('src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.tsx?$/.test(file),
);
const wrong = files.flatMap((file) => check(file.replaceAll('\\', '/')));
for (const line of wrong) console.error(line);
console.log(`${files.length} files, ${wrong.length} imports against the arrows`);
process.exit(wrong.length === 0 ? 0 : 1);

function check(file) {
  const text = readFileSync(resolve(root, file), 'utf8');
  const imports = [
    ...text.matchAll(
      /(?:^|\s)(import|export)(\s+type)?[^;'"]*?from\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g,
    ),
  ];
  return imports.flatMap(([, , typeOnly, named, dynamic]) => {
    const target = relative(root, resolve(root, dirname(file), named ?? dynamic))
      .replaceAll('\\', '/')
      .replace(/\.tsx?$/, '');
    return target.startsWith('..') ? [] : rulesBroken(file, target, Boolean(typeOnly));
  });
}

function rulesBroken(file, target, typeOnly) {
  const [from, to] = [file.split('/')[0].replace(/\.tsx?$/, ''), target.split('/')[0]];
  const may = allowed[from];
  if (!may)
    return [`src/${file}: the folder ${from} has no arrows; name them in scripts/arrows.js`];
  if (from === to) return from === 'activities' ? betweenEffects(file, target) : [];
  if (may.includes('*') || may.some((rule) => target === rule || target.startsWith(`${rule}/`))) {
    if (from === 'workflows' && !typeOnly && !isBundled(target))
      return [
        `src/${file} imports ${target}: workflows import types alone (and ${bundled.join(', ')}), so that nothing else is bundled`,
      ];
    if (from === 'console' && !typeOnly)
      return [
        `src/${file} imports ${target}: the console runs in a browser, and may import types alone`,
      ];
    return [];
  }
  return [
    `src/${file} imports ${target}: ${from} may import ${may.join(', ') || 'nothing of ours'}`,
  ];
}

/** Effects never import each other; the list imports them all, and all import the runtime. */
function betweenEffects(file, target) {
  const [, own] = file.split('/');
  const [, other] = target.split('/');
  const isFine = own === 'index.ts' || other === 'runtime' || other === own;
  return isFine ? [] : [`src/${file} imports ${target}: effects never import each other`];
}
