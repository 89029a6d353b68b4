import { z } from '@hono/zod-openapi';
import { ranges, readHistory } from '../../../ops/status/history.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { timestamp } from '../../fields.ts';
import { declareRoute, json, router } from '../../router.ts';

const values = (description: string) => z.array(z.number().nullable()).openapi({ description });

const subscriber = z.object({
  name: z.string(),
  rate: values('Events done a second.'),
  error_rate: values('Of what was tried, which part failed: 0 to 1.'),
  backlog: values('Events that were neither done nor given up: the most.'),
  backlog_age_seconds: values('Age of the oldest of them: the most.'),
  dead_letters: values('What was given up: the most.'),
});

const history = z
  .object({
    every_seconds: z.int().openapi({ description: 'For how many seconds each value stands.' }),
    times: z.array(timestamp).openapi({ description: 'When each value begins, oldest first.' }),
    messages_per_second: values('Messages stored a second.'),
    undispatched_seconds: values('Age of the oldest event that had not reached the transport.'),
    subscribers: z.array(subscriber).openapi({ description: 'By name.' }),
  })
  .openapi('History');

const lengths = Object.keys(ranges) as [keyof typeof ranges, ...(keyof typeof ranges)[]];

const read = declareRoute('GET /v1/ops/history', 'getHistory', {
  summary: 'How rates, backlogs and lag were',
  description:
    'Samples are kept for seven days, coarser with age: every 10 s for 3 hours, every minute for ' +
    'a day, every 10 minutes for a week. ' +
    'Each list has a value for each of `times`; null where nobody looked, such as while ' +
    'everything was stopped.',
  request: {
    query: z.strictObject({
      past: z
        .enum(lengths, { message: `must be one of ${lengths.join(', ')}` })
        .default('3h')
        .openapi({ description: 'How long a past.', default: '3h' }),
    }),
  },
  responses: { 200: json(history, 'The past.') },
});

/** The past of what `GET /v1/ops/stream` tells live. */
export const historyRoutes = ({ database }: ApiDependencies) =>
  router().openapi(read, async (c) =>
    c.json(await readHistory(database.pg, c.req.valid('query').past), 200),
  );
