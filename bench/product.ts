import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { knockon } from './child.ts';
import { familyOf, type Process } from './processes.ts';

/** What `up.json` says, as far as it is needed here. */
interface UpFile {
  api_url: string;
  database_url: string;
  temporal_address: string;
  temporal_namespace: string;
  admin_key: string;
}

/** Everything `npm start` brings up, in a folder of its own on free ports. All contestants share its Postgres and its Temporal. */
export interface Product extends UpFile {
  /** The launcher: everything else is below it. */
  pid: number;
  /** The launcher and everything it has started, Postgres and Temporal included. */
  processes(): Promise<Process[]>;
  sql: Sql;
  stop(): Promise<void>;
}

/** @throws with what the launcher said where it is not up within two minutes */
export async function bringUp(): Promise<Product> {
  const home = await mkdtemp(join(tmpdir(), 'knockon-bench-'));
  // As root, Postgres runs under another account, which must be able to walk in.
  await chmod(home, 0o755);
  const env = { ...process.env, KNOCKON_HOME: home, LOG_LEVEL: 'info' };
  const launcher = spawn(process.execPath, [knockon, 'up', '--port', '0', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = collect(launcher);
  const down = async () => {
    await takeDown(launcher);
    await rm(home, { recursive: true, force: true });
  };
  try {
    const up = await readWhenThere(join(home, 'up.json'), launcher);
    const sql = postgres(up.database_url, { max: 2, onnotice: () => {} });
    const stop = async () => {
      await sql.end({ timeout: 5 });
      await down();
    };
    return { ...up, pid: launcher.pid!, processes: () => familyOf(launcher.pid!), sql, stop };
  } catch (error) {
    await down();
    throw new Error(`${error instanceof Error ? error.message : error}\n${said()}`);
  }
}

function collect(child: ChildProcess): () => string {
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk).slice(-4000);
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  return () => said;
}

async function readWhenThere(path: string, launcher: ChildProcess): Promise<UpFile> {
  for (let tries = 0; tries < 1200; tries += 1) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return JSON.parse(text) as UpFile;
    if (launcher.exitCode !== null) throw new Error(`\`knockon up\` ended with code ${launcher.exitCode}`);
    await wait(100);
  }
  throw new Error('`knockon up` is not up after two minutes');
}

async function takeDown(launcher: ChildProcess): Promise<void> {
  if (launcher.exitCode !== null || launcher.signalCode !== null) return;
  const exited = once(launcher, 'exit');
  launcher.kill('SIGTERM');
  const timer = setTimeout(() => launcher.kill('SIGTERM'), 60_000);
  await exited;
  clearTimeout(timer);
}

/** A URL of another database on the same server; the database is made. */
export async function anotherDatabase(product: Product, name: string): Promise<string> {
  await product.sql.unsafe(`create database ${name}`);
  const url = new URL(product.database_url);
  url.pathname = `/${name}`;
  return url.href;
}
