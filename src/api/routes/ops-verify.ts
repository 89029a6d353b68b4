import { z } from '@hono/zod-openapi';
import { verifyLedger } from '../../ops/status/verify.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { timestamp, uuid } from '../fields.ts';
import { inPlace, LISTING } from '../heavy-reads.ts';
import { declareRoute, json, router } from '../router.ts';

const events = (description: string) => z.int().openapi({ description });
const age = (description: string) => z.number().nullable().openapi({ description });

const account = z
  .object({
    name: z.string().openapi({ example: 'search' }),
    expected: events('Events that were dispatched to it.'),
    done: events('A receipt says that its effect has happened.'),
    dead: events('A dead letter says that it won’t by itself.'),
    in_flight: events('Open, and a dispatch is running for it.'),
    missing: events('Open, and no dispatch is running for it. Healing restarts it.'),
    oldest_seconds: age('Age of the oldest open event; null where there is none.'),
  })
  .openapi('Account');

const missing = z
  .object({
    subscriber: z.string(),
    event_id: uuid,
    type: z.string(),
    dispatch_id: uuid,
    age_seconds: z.number(),
  })
  .openapi('MissingEffect');

const balance = z
  .object({
    balanced: z.boolean().openapi({ description: 'Whether nothing is missing.' }),
    subscribers: z
      .array(account)
      .openapi({ description: 'expected − done − dead − in_flight − missing = 0.' }),
    missing: z.array(missing).openapi({ description: 'The first 100 that are missing.' }),
    undispatched: z
      .object({ count: z.int(), oldest_seconds: age('Null where there is none.') })
      .openapi({ description: 'Events that are committed and have not reached the transport.' }),
    scheduled: z
      .object({ count: z.int(), next_at: timestamp.nullable() })
      .openapi({ description: 'Events that are for later: no account has them yet.' }),
    asked: z.boolean().openapi({
      description:
        'False where the transport did not answer: then all that is open counts as in flight.',
    }),
  })
  .openapi('Balance');

const verify = declareRoute('GET /v1/ops/verify', 'verifyLedger', {
  acts: true,
  summary: 'Check the ledger: is any effect missing?',
  responses: { 200: json(balance, 'What was found; an unbalanced ledger is an answer too.') },
});

/** The operator's check of the ledger, as `knockon verify` does it. */
export const opsVerifyRoutes = ({ heavy, running }: ApiDependencies) =>
  router().openapi(verify, async (c) => {
    const balance = await inPlace(c, heavy, LISTING, ({ pg }) => verifyLedger(pg, { running }));
    return c.json(balance, 200);
  });
