import type { OpenAPIHono } from '@hono/zod-openapi';
import type { DescribedType, EventTypeRegistry } from '../../events/registry.ts';
import { type Asset, makeAsset } from '../asset.ts';
import { describeApi } from '../openapi.ts';
import type { Env } from '../router.ts';
import { describeEvents } from './asyncapi.ts';
import { payloadSchemas } from './payloads.ts';
import { webhooksOf } from './webhooks.ts';

/** What the event types are described from. */
type Types = Pick<EventTypeRegistry, 'fingerprint' | 'current'>;

/**
 * The documents about the API and its events. Each is made anew when an event type has changed.
 * Where the database is away, they stay as they were.
 */
export function apiDocuments(app: OpenAPIHono<Env>, types: Types) {
  const base = () => describeApi(app);
  return {
    openapi: keptWhileSame(types, (described) => {
      const document = base();
      const schemas = { ...document.components?.schemas, ...payloadSchemas(described) };
      return {
        ...document,
        webhooks: webhooksOf(described),
        components: { ...document.components, schemas },
      };
    }),
    asyncapi: keptWhileSame(types, (described) =>
      describeEvents(described, base().components?.schemas?.['Event']),
    ),
  };
}

function keptWhileSame(
  types: Types,
  describe: (types: DescribedType[]) => unknown,
): () => Promise<Asset> {
  let kept: { of: string; asset: Promise<Asset> } | undefined;
  const make = (described: DescribedType[]) =>
    makeAsset('application/json', JSON.stringify(describe(described)));
  return async () => {
    const of = await types.fingerprint().catch(() => kept?.of ?? '');
    if (kept?.of !== of) {
      const asset = types
        .current()
        .catch(() => [])
        .then(make);
      kept = { of, asset };
      asset.catch(() => {
        kept = undefined;
      });
    }
    return await kept.asset;
  };
}
