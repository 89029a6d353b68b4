import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { birthOf } from '../../local/processes/process-identity.ts';
import { CommandError, EXIT } from '../terminal/output.ts';

/**
 * What `knockon up` writes once everything answers. Fields of an older or newer version may be
 * missing.
 */
export interface UpFile {
  pid?: number;
  api_url?: string;
  api_key?: string;
  admin_key?: string;
  console_url?: string;
  temporal_ui_url?: string | null;
  temporal_address?: string | null;
  temporal_namespace?: string | null;
  deployment?: string;
  database_url?: string;
  schema?: string;
  mail_url?: string;
}

/** Where the API is and the key for it. */
export interface ApiAddress {
  url: string;
  key: string;
  /**
   * Where that is written, for messages: `--api-url`, `KNOCKON_API_URL` or the path of an up.json.
   */
  from: string;
  /** The up.json in use is a leftover: the process that wrote it is gone. */
  stale: boolean;
  up?: UpFile;
}

/** What the command line and the environment say; the defaults are the process' own. */
export interface Surroundings {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Whose key is wanted, and where else it comes from. */
const keys = {
  workspace: { variable: 'KNOCKON_API_KEY', field: 'api_key', missing: 'There is no key' },
  operator: {
    variable: 'KNOCKON_ADMIN_KEY',
    field: 'admin_key',
    missing: "There is no operator's key",
  },
} as const;

/**
 * Finds the API: `--api-url` and `--api-key`, then KNOCKON_API_URL and KNOCKON_API_KEY, then
 * `up.json` in KNOCKON_HOME, or else in a `.knockon` folder here or above.
 *
 * @param whose an operator's key is in KNOCKON_ADMIN_KEY, in `admin_key` of `up.json`, or else in
 * KNOCKON_API_KEY
 * @throws CommandError that says what is missing and what to do
 */
export function findApi(
  given: { apiUrl?: string; apiKey?: string },
  surroundings: Surroundings = {},
  whose: keyof typeof keys = 'workspace',
): ApiAddress {
  const names = keys[whose];
  const { env = process.env } = surroundings;
  const found = findUpFile(surroundings);
  const url = given.apiUrl ?? env.KNOCKON_API_URL ?? found?.up.api_url;
  if (!url)
    throw unreadable(surroundings) ?? noApi(found?.searched ?? searched(surroundings), whose);
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CommandError(
      `The API's URL ${JSON.stringify(url)} must be one such as http://127.0.0.1:3000`,
      EXIT.usage,
    );
  }
  const own = found?.up.api_url !== undefined && sameOrigin(found.up.api_url, url);
  // A key is sent only to the API it was written down for.
  const key =
    given.apiKey ??
    env[names.variable] ??
    (own ? found.up[names.field] : undefined) ??
    env.KNOCKON_API_KEY;
  if (!key)
    throw new CommandError(
      `${names.missing} for ${url}: give --api-key or set ${names.variable}.`,
      EXIT.usage,
    );
  const from = given.apiUrl
    ? '--api-url'
    : env.KNOCKON_API_URL
      ? 'KNOCKON_API_URL'
      : (found?.path ?? '');
  return {
    url: url.replace(/\/+$/, ''),
    key,
    from,
    stale: own && !isRunning(found.up),
    up: own ? found.up : undefined,
  };
}

function noApi(folder: string, whose: keyof typeof keys): CommandError {
  const remedy =
    'Start everything here with `npm start` (in another terminal), or name a running API: set ' +
    `KNOCKON_API_URL and ${keys[whose].variable}, or give --api-url and --api-key.`;
  const exitCode = whose === 'operator' ? EXIT.unreachable : EXIT.failed;
  return new CommandError(
    `No API is known here: there is no up.json in ${folder}. ${remedy}`,
    exitCode,
  );
}

/**
 * The `up.json` that applies here, or undefined. @throws CommandError where there is one that can't
 * be read
 */
export function findUpFile({ env = process.env, cwd = process.cwd() }: Surroundings = {}) {
  for (const path of candidates(env, cwd)) {
    if (existsSync(path)) return { path, up: readUpFile(path), searched: path };
  }
  return undefined;
}

/** What is told where an `up.json` may be there and can't be looked at; undefined: none is. */
function unreadable({ env = process.env, cwd = process.cwd() }: Surroundings) {
  for (const path of candidates(env, cwd)) {
    try {
      statSync(path);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR')
        return new CommandError(
          `${path} can't be read (${code}): run this as the user who ran \`npm start\`, or give ` +
            '--api-url and --api-key.',
        );
    }
  }
  return undefined;
}

function* candidates(env: NodeJS.ProcessEnv, cwd: string): Generator<string> {
  if (env.KNOCKON_HOME) {
    yield join(resolve(cwd, env.KNOCKON_HOME), 'up.json');
    return;
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    yield join(folder, '.knockon', 'up.json');
    if (dirname(folder) === folder) return;
  }
}

function searched({ env = process.env, cwd = process.cwd() }: Surroundings): string {
  return env.KNOCKON_HOME
    ? `KNOCKON_HOME (${resolve(cwd, env.KNOCKON_HOME)})`
    : `${join(cwd, '.knockon')} or in a folder above it`;
}

function readUpFile(path: string): UpFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as UpFile;
  } catch (error) {
    throw new CommandError(
      `${path} can't be read (${error instanceof Error ? error.message : error}): delete it ` +
        'and run `npm start` again.',
    );
  }
}

/** Whether the process that wrote it is there. */
export function isRunning({ pid }: UpFile): boolean {
  return !pid || birthOf(pid) !== undefined;
}

function sameOrigin(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin;
}
