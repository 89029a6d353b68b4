import type { Redis } from 'ioredis';
import { openRedis } from '../../redis.ts';
import type { ChannelSummary, SummaryStore } from './summary.ts';

/** Lifetime of a copy, in seconds: a transaction that failed may have left a wrong one. */
const LIFETIME = 3600;

/** How long a silent Redis is not used, in ms. Else each read would wait for it. */
const REST = 2000;

const key = (channelId: string) => `knockon:summary:${channelId}`;

/** Thrown if a copy can't be written. The code makes the call wait, as for an absent database. */
class RedisAwayError extends Error {
  override name = 'RedisAwayError';
  readonly code = 'CONNECTION_REDIS';
}

interface RedisSummariesOptions {
  /** `redis://…` or `rediss://…` */
  url: string;
  /** The summaries in Postgres. */
  rows: SummaryStore;
  /** Called when a connection is lost. Reconnecting is automatic. */
  onError?(error: Error): void;
}

/**
 * Serves summaries from Redis. The rows in Postgres stay the truth: they answer if a copy is
 * missing or Redis is away. Writing is stricter. If Redis can't take a copy, the effect fails and
 * is retried, so no copy goes stale.
 */
export class RedisSummaries implements SummaryStore {
  readonly #redis: Redis;
  readonly #rows: SummaryStore;
  /** On the clock of `performance.now()`. */
  #restsUntil = 0;

  constructor({ url, rows, onError }: RedisSummariesOptions) {
    const limits = { commandTimeout: 1000, maxRetriesPerRequest: 1 };
    this.#redis = openRedis(url, { ...limits, connectionName: 'knockon' }, onError);
    this.#rows = rows;
  }

  /** @throws RedisAwayError */
  async put(summaries: ChannelSummary[]): Promise<void> {
    if (this.#isResting())
      throw new RedisAwayError('Redis, where summaries are served from, does not answer');
    const batch = this.#redis.pipeline();
    for (const summary of summaries)
      batch.set(key(summary.channel_id), JSON.stringify(summary), 'EX', LIFETIME);
    const results = (await batch.exec()) ?? [];
    const failed = results.find(([error]) => error)?.[0];
    if (!failed) return;
    this.#restIfSilent(failed);
    throw new RedisAwayError(
      `Redis, where summaries are served from, has not taken one: ${failed.message}`,
    );
  }

  async get(channelId: string): Promise<ChannelSummary | null> {
    const copy = await this.#copyOf(channelId);
    if (copy) return copy;
    const summary = await this.#rows.get(channelId);
    if (summary && this.#isReady()) await this.#addCopy(summary);
    return summary;
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  /** A read never waits for a connection. */
  async #copyOf(channelId: string): Promise<ChannelSummary | null> {
    if (!this.#isReady()) return null;
    try {
      return JSON.parse((await this.#redis.get(key(channelId))) ?? 'null');
    } catch (error) {
      this.#restIfSilent(error);
      return null;
    }
  }

  /** Leaves a copy that is there: the effect may have written a newer one meanwhile. */
  async #addCopy(summary: ChannelSummary): Promise<void> {
    await this.#redis
      .set(key(summary.channel_id), JSON.stringify(summary), 'EX', LIFETIME, 'NX')
      .catch((error) => this.#restIfSilent(error));
  }

  #isResting(): boolean {
    return performance.now() < this.#restsUntil;
  }

  #isReady(): boolean {
    return this.#redis.status === 'ready' && !this.#isResting();
  }

  #restIfSilent(error: unknown): void {
    if (error instanceof Error && error.message === 'Command timed out')
      this.#restsUntil = performance.now() + REST;
  }
}
