import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Env } from './router.ts';

const description = `You post a message, and get an answer at once. Everything that must
happen because of it happens afterwards, and is not lost.

- **Keys.** \`Authorization: Bearer <key>\`. A key belongs to one workspace and sees nothing else:
  what belongs to another workspace is 404.
- **Errors** are RFC 9457 documents (\`application/problem+json\`). 422 names each field. Fields
  and query parameters that are not in the schema are refused, so that a misspelt one is not lost
  in silence.
- **Lists** answer \`{data, next_cursor}\`; pass \`next_cursor\` as \`cursor\` for the next page.
  Entries added meanwhile move nothing.
- **Idempotency-Key** on every POST that creates: sent again within 24 hours, the first answer
  comes again, with \`Idempotent-Replayed: true\`. A failed request keeps nothing, and its key
  stays free.
- **Limits.** \`RateLimit-Policy\` and \`RateLimit\` say what is left of the key's quota; beyond
  it, 429 with \`Retry-After\`.
- **X-Request-Id** is in every answer: yours, if you sent one of up to 128 of \`A-Z a-z 0-9 . _ :
  / + = -\`, else the id of your trace (\`traceparent\`), else a new one. The log lines of
  the request have it as \`request_id\`.
- **Numbers** that JSON readers would round (integers beyond 2^53, more than 17 digits, 1e400) are
  422, wherever they stand: send them as strings. Integers beyond 2^53 are kept where JavaScript
  writes the same digits, such as 9007199254740992 and 100000000000000000000. Of a key that comes
  twice the last one counts.
- **Times** are RFC 3339 with an offset; answers are in UTC. Ids are UUIDv7.`;

/** The OpenAPI 3.1 document of everything that is registered on the app. */
export function describeApi(app: OpenAPIHono<Env>) {
  const scheme = { type: 'http', scheme: 'bearer' } as const;
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    ...scheme,
    description: "A workspace's key, `kn_…`.",
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'operator', {
    ...scheme,
    description:
      "The operator's key, KNOCKON_ADMIN_KEY; under /v1/ops also an operator's own, made with " +
      'POST /v1/ops/operators.',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Knock-on', version: '1', description, license: { name: 'MIT' } },
    servers: [{ url: '/', description: 'This deployment.' }],
  });
}
