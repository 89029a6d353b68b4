import { effects, notifications, webhooks } from './effects.ts';
import { database, queue, redis, secrets, temporal } from './foundation.ts';
import { allProcesses, api, dispatch, ledger, retention } from './serving.ts';
import type { Setting } from './setting.ts';

/** Every setting by its variable. Help, the reference page and `.env.example` come from it. */
export const table = {
  ...database,
  ...secrets,
  ...queue,
  ...temporal,
  ...redis,
  ...api,
  ...allProcesses,
  ...dispatch,
  ...ledger,
  ...retention,
  ...effects,
  ...webhooks,
  ...notifications,
};

export type SettingName = keyof typeof table;

/** The variables of all settings. */
export const settings = Object.keys(table) as SettingName[];

/** The same settings as the pages group them. */
export const groups: { title: string; settings: Record<string, Setting> }[] = [
  { title: 'Database', settings: database },
  { title: 'Secrets', settings: secrets },
  { title: 'Transport', settings: queue },
  { title: 'Temporal', settings: temporal },
  { title: 'Redis', settings: redis },
  { title: 'API', settings: api },
  { title: 'All processes', settings: allProcesses },
  { title: 'Dispatcher', settings: dispatch },
  { title: 'Ledger and health', settings: ledger },
  { title: 'Retention', settings: retention },
  { title: 'Effect workers', settings: effects },
  { title: 'Webhooks', settings: webhooks },
  { title: 'Notifications', settings: notifications },
];

/** Variables that processes of a deployment do not read, with what they are for. */
export const otherVariables: Record<string, string> = {
  KNOCKON_API_URL: 'The API that commands talk to.',
  KNOCKON_API_KEY: 'The key of a workspace that commands use.',
  KNOCKON_HOME: 'The folder of `npm start` for data, secrets and logs. Default: `.knockon`.',
  KNOCKON_TEMPORAL_CLI: 'A `temporal` program for `npm start`, instead of the one it fetches.',
  KNOCKON_CRASH: 'For tests: the crash point at which a process kills itself.',
};
