import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UpFile } from '../../src/local/launcher/up-file.ts';
import { findRunning } from './find.ts';
import { bringUp, surroundings } from './own.ts';
import { Stage } from './stage.ts';

const knockon = fileURLToPath(new URL('../../bin/knockon.js', import.meta.url));
const psql = fileURLToPath(new URL('./psql.ts', import.meta.url));

/** A product to practise on. */
export interface Opened {
  stage: Stage;
  /**
   * Writes down what a terminal needs for it, as it is now. @returns a file to be read by a shell:
   * `. FILE`
   */
  saveEnvironment(): Promise<string>;
  close(): Promise<void>;
}

/** The product that runs here, or one of our own where none does or where `own` is asked for. */
export async function openProduct(tell: (line: string) => void, own = false): Promise<Opened> {
  const running = own ? undefined : await findRunning();
  if (!running)
    tell(
      `${own ? '' : 'No `npm start` runs here: '}bringing a product up in a folder of its own …`,
    );
  const brought = running ? undefined : await bringUp();
  const { up, home } = (running ?? brought)!;
  const folder = await mkdtemp(join(tmpdir(), 'knockon-practice-'));
  const path = [folder, process.env.PATH].join(delimiter);
  const env = { ...surroundings(), ...(await environment(up, home, folder)), PATH: path };
  const stage = new Stage({ up, home, isOwn: !running, env, tell });
  return {
    stage,
    saveEnvironment: () => save(join(folder, 'env'), env),
    async close() {
      await stage.close();
      await brought?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function save(file: string, env: NodeJS.ProcessEnv): Promise<string> {
  const outside = surroundings();
  const added = Object.entries(env).filter(
    ([name, value]) => value !== undefined && outside[name] !== value,
  );
  await writeFile(file, added.map(([name, value]) => `export ${name}='${value}'\n`).join(''), {
    mode: 0o600,
  });
  return file;
}

/** Puts a command into the folder that runs Node with these arguments, and then its own. */
async function putCommand(folder: string, name: string, args: string[]): Promise<void> {
  const words = [process.execPath, ...args].map((word) => `'${word}'`).join(' ');
  await writeFile(join(folder, name), `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(join(folder, name), 0o755);
}

const isInstalled = (name: string) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

/**
 * The variables that the runbook's commands go by; `knockon` itself is put into the folder, and
 * what stands in for psql.
 */
async function environment(
  up: UpFile,
  home: string,
  folder: string,
): Promise<Record<string, string>> {
  await putCommand(folder, 'knockon', [knockon]);
  if (!isInstalled('psql'))
    await putCommand(folder, 'psql', ['--import', import.meta.resolve('tsx'), psql]);
  const secrets = JSON.parse(await readFile(join(home, 'secrets.json'), 'utf8')) as {
    secret: string;
  };
  return {
    KNOCKON_HOME: home,
    KNOCKON_API_URL: up.api_url,
    KNOCKON_ADMIN_KEY: up.admin_key,
    KNOCKON_SECRET: process.env.KNOCKON_SECRET || secrets.secret,
    DATABASE_URL: up.database_url,
    SMTP_URL: up.smtp_url,
    KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8,::1/128',
    ...(up.deployment && { KNOCKON_DEPLOYMENT: up.deployment }),
    ...(up.temporal_address
      ? {
          TEMPORAL_ADDRESS: up.temporal_address,
          TEMPORAL_NAMESPACE: up.temporal_namespace ?? 'default',
        }
      : { KNOCKON_TRANSPORT: 'pg-boss' }),
  };
}
