import { asksForTarget, isDatabaseUrl, TARGETS } from '../database-url.ts';
import { isSchemaName } from '../db/own-schema.ts';
import {
  checkedText,
  choice,
  optionalText,
  optionalUrl,
  type Reader,
  requiredText,
  type Setting,
  type TextSchema,
  textOr,
  withPassword,
  type Zod,
} from './setting.ts';

export const everyProcess: Reader[] = ['api', 'relay', 'worker workflows', 'worker effects'];

const databaseUrl = 'must be a URL such as postgres://user:password@localhost:5432/knockon';

/** A misspelled `target_session_attrs` would ask for nothing. */
const withPasswordAndTarget = <S extends TextSchema>(setting: Setting<S>) =>
  withPassword({
    ...setting,
    schema: (zod: Zod) =>
      setting.schema(zod).refine((url) => asksForTarget(url ?? ''), {
        message: `must ask by target_session_attrs for one of ${TARGETS.join(', ')}`,
      }),
  });

export const database = {
  DATABASE_URL: withPasswordAndTarget(
    requiredText(databaseUrl, isDatabaseUrl, {
      readBy: everyProcess,
      means: 'Where Postgres is, or a pooler before it.',
      more:
        'Postgres 15 to 18. The pooler, such as pgbouncer, must use session or transaction mode. ' +
        'The URL may name several hosts: `@one:5432,two:5432/`. ' +
        'The first host that takes connections and writes is used.',
    }),
  ),
  KNOCKON_DATABASE_DIRECT_URL: withPasswordAndTarget(
    checkedText(databaseUrl, isDatabaseUrl, {
      readBy: everyProcess,
      means: 'Where DATABASE_URL is a pooler: a way around it.',
      more:
        'It is used for LISTEN and for migrations. ' +
        'Without it, processes behind a pooler look for new work every second.',
    }),
  ),
  KNOCKON_SCHEMA: textOr(
    'knockon',
    'must be up to 63 of a-z, 0-9 and _, not begin with a digit, and be no name that Postgres ' +
      'keeps for itself, such as "pg_mine" or "user"',
    {
      readBy: everyProcess,
      means: 'The Postgres schema with all of its tables and functions.',
      more:
        '`knockon migrate` makes it. All processes and commands need the same. ' +
        'Nothing depends on the search path.',
    },
    isSchemaName,
  ),
};

/** A line end of the file that it was read from, or a blank, is no part of a key. */
const isKey = (text: string, least: number) =>
  text.length >= least && text === text.trim() && !/\p{Cc}/u.test(text);
const bare = 'without line ends, and without blanks around them';

export const secrets = {
  KNOCKON_SECRET: requiredText(
    `must have 32 characters or more, ${bare}, such as from \`openssl rand -base64 32\``,
    (text) => isKey(text, 32),
    {
      readBy: everyProcess,
      means: 'Seals webhook secrets and keys the audit chain.',
      more: 'All processes need the same. What one secret sealed, another cannot read.',
    },
  ),
  KNOCKON_ADMIN_KEY: checkedText(
    `must have 16 characters or more, ${bare}`,
    (text) => isKey(text, 16),
    {
      readBy: ['api'],
      means: "The operator's key. Unset: no workspace can be made.",
      more:
        'Make it random, such as with `openssl rand -base64 24`. ' +
        'The right key is accepted however many wrong ones came before.',
    },
  ),
};

/** The names of queues and workflows begin with these where there is no deployment name. */
const reserved = [
  'effects',
  'workflows',
  'retry',
  'reset',
  'replay',
  'backfill',
  'rebuild',
  'retire',
];
const deployment = /^[a-z][a-z0-9_-]{0,31}$/;
const deploymentName = checkedText(
  'must be a lower-case letter, then up to 31 of a-z, 0-9, _ and -',
  (text) => deployment.test(text),
  {
    readBy: everyProcess,
    means: 'A prefix for the names of queues, workflows and Redis keys.',
    more:
      'Set it where deployments share a Temporal namespace or a Redis. ' +
      'All processes need the same. ' +
      'Changing it is like changing the transport: started work stays where it is.',
  },
);

export const queue = {
  KNOCKON_TRANSPORT: choice(['temporal', 'pg-boss'], 'temporal', {
    readBy: everyProcess,
    means: 'What runs the effects: Temporal, or pg-boss in Postgres.',
    more: 'With `pg-boss` no server but Postgres is needed. All processes need the same.',
  }),
  KNOCKON_DEPLOYMENT: {
    ...deploymentName,
    schema: (z: Zod) =>
      deploymentName.schema(z).refine((name) => !reserved.includes(name ?? ''), {
        message: `must not be one of ${reserved.join(', ')}: other names begin with it`,
      }),
  },
};

export const redis = {
  REDIS_URL: withPassword(
    optionalUrl(['redis:', 'rediss:'], 'redis://localhost:6379', {
      readBy: everyProcess,
      means: 'Redis keeps channel summaries; API processes share limits there.',
      more:
        'Effect workers write the summaries there, the API reads them, and a rebuild renews them. ' +
        'Unset: Postgres keeps them, and each API process has limits of its own.',
    }),
  ),
  KNOCKON_LOCKS: choice(['postgres', 'redis'], 'postgres', {
    readBy: ['worker effects'],
    means: 'Where ordered effects lock.',
    more: '`redis` needs REDIS_URL. All effect workers need the same.',
  }),
};

const temporalText = (must: string, means: string, more?: string, unset?: string) =>
  optionalText(must, { readBy: everyProcess, means, more, unset });
const fileName = 'must be the path of a file that can be read';
const pem = 'must be a PEM text';

export const temporal = {
  TEMPORAL_ADDRESS: temporalText(
    'must be host:port such as localhost:7233',
    "Temporal's gRPC address.",
    'A profile may name another default.',
    'localhost:7233',
  ),
  TEMPORAL_NAMESPACE: temporalText(
    'must be the name of a namespace',
    "Temporal's namespace.",
    'A profile may name another default.',
    'default',
  ),
  TEMPORAL_API_KEY: temporalText('must be a key', 'For Temporal Cloud. It turns TLS on.'),
  TEMPORAL_TLS: temporalText(
    'must be "true" or "false"',
    'Whether the connection uses TLS.',
    'Unset: TLS is on if an API key or another TLS setting is set.',
  ),
  TEMPORAL_TLS_CLIENT_CERT_PATH: temporalText(fileName, "A client's certificate for mTLS."),
  TEMPORAL_TLS_CLIENT_CERT_DATA: temporalText(pem, 'The same certificate as text.'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: temporalText(fileName, "The key of the client's certificate."),
  TEMPORAL_TLS_CLIENT_KEY_DATA: temporalText(pem, 'The same key as text.'),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: temporalText(
    fileName,
    "The CA of the server's certificate, if the system does not know it.",
  ),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: temporalText(pem, 'The same CA as text.'),
  TEMPORAL_TLS_SERVER_NAME: temporalText(
    'must be a host name',
    "The name in the server's certificate, if it is not the address's.",
  ),
  TEMPORAL_CONFIG_FILE: temporalText(
    fileName,
    "The file of profiles of Temporal's own commands.",
    'Variables win over the profile. /dev/null: no file is read. ' +
      "Unset: the place where Temporal's commands keep it (`temporal config`).",
  ),
  TEMPORAL_PROFILE: temporalText(
    'must be the name of a profile',
    'Which profile of that file.',
    'Unset: the profile called `default`, if there is one.',
  ),
  TEMPORAL_UI_URL: optionalUrl(['http:', 'https:'], 'http://localhost:8233', {
    readBy: ['api'],
    means: 'Where people see the Temporal UI. Journeys link to it.',
    more: 'Unset: no links.',
  }),
};
