import type { Database } from '../db/client.ts';
import { createSeal } from '../seal.ts';
import { analytics } from './analytics/index.ts';
import { auditKey } from './audit/hash.ts';
import { audit } from './audit/index.ts';
import { cache } from './cache/index.ts';
import { summaryStore } from './cache/summaries.ts';
import { notifications } from './notifications/index.ts';
import { createMailer } from './notifications/mailer.ts';
import type { Effect } from './runtime/effect.ts';
import { search } from './search/index.ts';
import { type WebhookDependencies, webhooks } from './webhooks/index.ts';

/** What the effects need beside the database. Times in ms. */
export interface EffectSettings {
  /** KNOCKON_SECRET. */
  secret: string;
  webhooks: Omit<WebhookDependencies, 'seal'>;
  /** Without `smtpUrl` nobody is e-mailed. */
  mail: {
    smtpUrl: string | undefined;
    from: string;
    graceMs: number;
    quota?: { mails: number; seconds: number } | null;
  };
  /** Age from which a new message notifies nobody. Null: messages of any age do. */
  notifyAgeMs?: number | null;
  redisUrl: string | undefined;
}

/** Every effect of this version. To add one: a folder here, and one line in the list below. */
export async function createEffects(
  settings: EffectSettings,
  { db }: Database,
): Promise<{ effects: Effect[]; close(): Promise<void> }> {
  const { secret, mail } = settings;
  const mailer = mail.smtpUrl === undefined ? null : createMailer(mail.smtpUrl, mail.from);
  const summaries = await summaryStore(db, settings.redisUrl);
  const effects = [
    webhooks({ seal: createSeal(secret), ...settings.webhooks }),
    notifications({
      mailer,
      graceMs: mail.graceMs,
      quota: mail.quota,
      ageMs: settings.notifyAgeMs,
    }),
    search(),
    analytics(),
    audit({ key: auditKey(secret) }),
    cache({ summaries }),
  ];
  const close = async () => {
    mailer?.close();
    await summaries.close();
  };
  return { effects, close };
}
