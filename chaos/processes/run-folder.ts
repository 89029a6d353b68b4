import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Options } from '../options.ts';
import { quietPorts } from './quiet-ports.ts';

/** Where everything of a run lies and listens. */
export interface RunFolder {
  folder: string;
  log(name: string): string;
  ports: {
    postgres: number;
    temporal: number;
    apis: [number, number];
    proxy: number;
    /** Of the service that takes events over HTTP. */
    service: number;
  };
  password: string;
  /** Of the database that all use, for what looks on: never by way of the proxy. */
  databaseUrl: string;
  adminKey: string;
  apiUrls: [string, string];
  transport: 'temporal' | 'pg-boss';
  /** The environment of our own processes, but for an API's port. */
  env: NodeJS.ProcessEnv;
}

/**
 * A folder of its own, free ports and secrets.
 *
 * @param smtpUrl who takes mails
 */
export async function createRunFolder(
  { mode, transport }: Pick<Options, 'mode' | 'transport'>,
  smtpUrl: string,
): Promise<RunFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'knockon-chaos-'));
  // As root, Postgres runs under another account that must be able to walk through.
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'logs'));
  const [postgres, temporal, one, two, proxy, service] = (await quietPorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const password = randomBytes(12).toString('hex');
  const urlAt = (port: number) => `postgres://knockon:${password}@127.0.0.1:${port}/knockon`;
  const adminKey = `admin_${randomBytes(16).toString('hex')}`;
  return {
    folder,
    log: (name) => join(folder, 'logs', `${name.replaceAll(' ', '-')}.log`),
    ports: { postgres, temporal, apis: [one, two], proxy, service },
    password,
    databaseUrl: urlAt(postgres),
    adminKey,
    apiUrls: [`http://127.0.0.1:${one}`, `http://127.0.0.1:${two}`],
    transport,
    env: {
      ...outer(),
      ...settings({
        databaseUrl: urlAt(mode === 'network' ? proxy : postgres),
        temporal,
        adminKey,
        transport,
      }),
      // Neighbours meet what ships: with every setting as it is by default.
      ...(mode !== 'neighbours' && hasty(smtpUrl)),
    },
  };
}

/** What the surroundings say of Knock-on is not meant for this. */
const outer = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(KNOCKON_|TEMPORAL_|REDIS_URL$|SMTP_URL$)/.test(name),
    ),
  );

function settings(at: {
  databaseUrl: string;
  temporal: number;
  adminKey: string;
  transport: string;
}): NodeJS.ProcessEnv {
  return {
    MALLOC_ARENA_MAX: '2',
    DATABASE_URL: at.databaseUrl,
    KNOCKON_TRANSPORT: at.transport,
    TEMPORAL_ADDRESS: `127.0.0.1:${at.temporal}`,
    TEMPORAL_CONFIG_FILE: devNull,
    KNOCKON_SECRET: randomBytes(32).toString('hex'),
    KNOCKON_ADMIN_KEY: at.adminKey,
    KNOCKON_DRAIN: '0s',
    KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8',
    LOG_LEVEL: 'warn',
  };
}

const hasty = (smtpUrl: string): NodeJS.ProcessEnv => ({
  // What hangs is let go soon, and what a dead dispatcher had claimed is taken over while it may be
  // back: both are to happen often.
  KNOCKON_WEBHOOK_TIMEOUT: '3s',
  // A receiver that was killed is back long before the default would ask it again.
  KNOCKON_WEBHOOK_PROBE: '2s',
  KNOCKON_RELAY_AGE: '5s',
  SMTP_URL: smtpUrl,
  // Long enough that whoever set the timer may be dead when it goes off.
  KNOCKON_EMAIL_GRACE: '10s',
  // A fast machine mentions people more often than the default lets mails go.
  KNOCKON_EMAIL_QUOTA: 'off',
});

export const dataOf = (stage: RunFolder) => ({
  data: join(stage.folder, 'postgres'),
  elsewhere: basename(stage.folder),
});

export async function deleteRunFolder(stage: RunFolder): Promise<void> {
  await rm(stage.folder, { recursive: true, force: true });
}
