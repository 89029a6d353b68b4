import { Redis, type RedisOptions } from 'ioredis';

/** How long what was sent may stay unanswered before the connection is replaced, in ms. */
const SILENCE = 2000;

/**
 * A client of Redis. It connects again by itself, also where a connection that is open answers
 * nothing any more: a firewall that drops ends none, and the kernel notices after many minutes.
 *
 * @param url `redis://…` or `rediss://…`
 * @param options `commandTimeout`, in ms: so long a command waits for its answer
 * @param onError called when a connection is lost
 */
export function openRedis(
  url: string,
  options: Required<
    Pick<RedisOptions, 'connectionName' | 'commandTimeout' | 'maxRetriesPerRequest'>
  >,
  onError: (error: Error) => void = () => {},
): Redis {
  const times = { connectTimeout: 2000, socketTimeout: SILENCE, keepAlive: 10_000 };
  const redis = new Redis(url, { ...times, ...options });
  redis.on('error', onError);
  return redis;
}
