import { devNull } from 'node:os';
import { type Config, readConfig, settings, variablesOf } from '../../settings/config.ts';
import type { Secrets } from '../files/home.ts';
import { type Ports, usual } from './ports.ts';

const loopback = '127.0.0.0/8,::1/128';

/**
 * The environment of our own processes: the launcher's own, so that `KNOCKON_EMAIL_GRACE=5s npm
 * start` works, then the addresses of what is brought up here.
 */
export function environmentFor(
  ports: Ports,
  secrets: Secrets,
  own: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  // What reaches another Temporal does not reach this one.
  const others = Object.entries(own).filter(([name]) => !name.startsWith('TEMPORAL_'));
  const { database_password: password } = secrets;
  return {
    ...Object.fromEntries(others),
    KNOCKON_ADMIN_KEY: own.KNOCKON_ADMIN_KEY || secrets.admin_key,
    KNOCKON_SECRET: own.KNOCKON_SECRET || secrets.secret,
    KNOCKON_WEBHOOK_ALLOW: own.KNOCKON_WEBHOOK_ALLOW || loopback,
    KNOCKON_PORT: String(ports.api),
    // Nobody balances load here: Ctrl-C need not wait for one to notice.
    KNOCKON_DRAIN: own.KNOCKON_DRAIN || '0s',
    DATABASE_URL: `postgres://knockon:${password}@127.0.0.1:${ports.postgres}/knockon`,
    KNOCKON_DATABASE_DIRECT_URL: '',
    TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporal}`,
    TEMPORAL_NAMESPACE: 'default',
    TEMPORAL_CONFIG_FILE: devNull,
    TEMPORAL_UI_URL: `http://127.0.0.1:${ports.temporalUi}`,
    SMTP_URL: `smtp://127.0.0.1:${ports.smtp}`,
  };
}

/** The settings that somebody has set, and which give way to what is brought up here. */
export function notTaken(own: NodeJS.ProcessEnv, env: NodeJS.ProcessEnv): string[] {
  const given = variablesOf(own);
  return settings.filter(
    // Another port is told where it is chosen.
    (name) => name in given && env[name] !== own[name] && name !== 'KNOCKON_PORT',
  );
}

/**
 * Checks the settings before anything is started.
 *
 * @throws ConfigError as every process would
 */
export function checkSettings(own: NodeJS.ProcessEnv = process.env): Config {
  const env = environmentFor(
    usual,
    { id: '', admin_key: 'a'.repeat(16), secret: 's'.repeat(32), database_password: 'p' },
    own,
  );
  return readConfig({ ...env, KNOCKON_PORT: own.KNOCKON_PORT });
}
