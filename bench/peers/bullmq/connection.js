import { Redis } from 'ioredis';

export const QUEUE = 'effects';

export const connect = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
