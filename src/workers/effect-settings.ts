import type { EffectSettings } from '../activities/index.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import type { Registration } from '../outbox/subscribers.ts';
import type { Config } from '../settings/config.ts';

/** What effects need, of the settings. */
export function effectSettings(config: Config): EffectSettings {
  return {
    secret: config.KNOCKON_SECRET,
    webhooks: {
      allow: config.KNOCKON_WEBHOOK_ALLOW,
      deny: config.KNOCKON_WEBHOOK_DENY,
      timeoutMs: config.KNOCKON_WEBHOOK_TIMEOUT,
      concurrency: config.KNOCKON_WEBHOOK_CONCURRENCY,
      nameServers: config.KNOCKON_WEBHOOK_NAME_SERVERS,
      attempts: config.KNOCKON_WEBHOOK_ATTEMPTS,
      circuit: { failures: config.KNOCKON_WEBHOOK_FAILURES, firstMs: config.KNOCKON_WEBHOOK_PROBE },
    },
    mail: {
      smtpUrl: config.SMTP_URL,
      from: config.MAIL_FROM,
      graceMs: config.KNOCKON_EMAIL_GRACE,
      quota: mailQuota(config),
    },
    notifyAgeMs: config.KNOCKON_NOTIFY_AGE,
    redisUrl: config.REDIS_URL,
  };
}

const mailQuota = ({ KNOCKON_EMAIL_QUOTA: quota }: Config) =>
  quota && { mails: quota.requests, seconds: quota.seconds };

/** An effect's row. */
export function registration(effect: Effect): Registration {
  const { name, description, on, task_queue, ordering, batch, timeout_ms, retry } = effect;
  const { concurrency = null, perSecond = null } = effect.perWorkspace ?? {};
  return {
    name,
    description,
    event_types: on,
    task_queue,
    activity: name,
    ordering,
    batch,
    timeout_ms,
    retry,
    debounce: effect.debounce,
    again: effect.again,
    workspace_limit: { concurrency, per_second: perSecond },
  };
}
