import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** How a command ended. */
export interface Ended {
  code: number | null;
  output: string;
}

/** A command that runs on. */
export interface RunningCommand {
  /** All that it has written so far. */
  output(): string;
  ended: Promise<Ended>;
  /** SIGTERM, to all that it has started. */
  stop(): Promise<Ended>;
}

/** examples/express in a folder of its own, with `knockon` installed from a tarball. */
export class Project {
  readonly folder: string;
  readonly #running: ChildProcess[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Packs what was built, and installs it. Packages come from npm's cache where they are there. */
  static async install(more: Record<string, string> = {}): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'knockon-project-'));
    const project = new Project(folder);
    await cp(join(root, 'examples/express'), folder, { recursive: true });
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const packed = await run('npm', pack, { cwd: root, maxBuffer: 64e6 });
    const [{ filename }] = JSON.parse(packed.stdout);
    await project.#depend({ knockon: `file:${filename}`, ...more });
    const { code, output } = await project.type(
      'npm install --prefer-offline --no-audit --no-fund',
      { limitMs: 500_000 },
    );
    if (code !== 0) throw new Error(`npm install failed:\n${output}`);
    return project;
  }

  async #depend(packages: Record<string, string>): Promise<void> {
    const file = join(this.folder, 'package.json');
    const description = JSON.parse(await readFile(file, 'utf8'));
    Object.assign(description.dependencies, packages);
    await writeFile(file, JSON.stringify(description, null, 2));
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.folder, name), text);
  }

  /** Types a command, and waits until it has ended. */
  async type(
    command: string,
    { env = {}, limitMs = 60_000, cwd = this.folder }: TypeOptions = {},
  ): Promise<Ended> {
    const running = this.start(command, { env, cwd });
    const timer = setTimeout(() => void running.stop(), limitMs);
    return await running.ended.finally(() => clearTimeout(timer));
  }

  /** Types a command that goes on. */
  start(command: string, { env = {}, cwd = this.folder }: TypeOptions = {}): RunningCommand {
    const child = spawn('bash', ['-c', command], {
      cwd,
      env: { ...surroundings(), ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (code) => resolve({ code, output })),
    );
    const stop = () => {
      signal(child, 'SIGTERM');
      return ended;
    };
    return { output: () => output, ended, stop };
  }

  async remove(): Promise<void> {
    for (const child of this.#running) signal(child, 'SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface TypeOptions {
  env?: Record<string, string>;
  /** When it is stopped, in ms (default 60,000). */
  limitMs?: number;
  cwd?: string;
}

/** Without what a test or its developer has set for us. */
const surroundings = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(KNOCKON_|TEMPORAL_|DATABASE_URL|LOG_LEVEL|NODE_OPTIONS|VITEST)/.test(name),
    ),
  );

/** To the command and all that it has started. */
function signal({ pid, exitCode }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** Whether a program is on this machine. */
export function hasProgram(name: string, ...args: string[]): boolean {
  try {
    execFileSync(name, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The code of each block below a heading of a page: `### 3. Start the API`. */
export async function blocksBelow(page: string, heading: string): Promise<string[]> {
  const text = await readFile(join(root, page), 'utf8');
  const [, section] = text.split(`\n## ${heading}\n`);
  if (section === undefined) throw new Error(`${page} has no heading "${heading}"`);
  const [own = ''] = section.split('\n## ');
  return [...own.matchAll(/```\w+\n([\s\S]*?)```/g)].map(([, code = '']) => code);
}

/** A block's commands, without the variables that a test sets itself. */
export const commandsIn = (block: string) =>
  block
    .split('\n')
    .filter((line) => !line.startsWith('export '))
    .join('\n');
