import type { DescribedType } from '../../events/registry.ts';
import { isEmbeddable, isPlain, moved } from './embed.ts';

type Schema = Record<string, unknown>;

/** Bytes of schemas that a document has. What is beyond is left to `GET /v1/event_types/{name}`. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Where a type's payload is described within a document. */
export const payloadRef = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** The payloads of these types, by name, so that their references lead to the right place. */
export function payloadSchemas(types: DescribedType[]): Record<string, Schema> {
  let bytes = 0;
  const entries = types.map(({ name, description, schema }): [string, Schema] => {
    bytes += JSON.stringify(schema).length;
    if (bytes > MOST_BYTES || !isEmbeddable(schema)) return [name, elsewhere(name)];
    const own = moved(schema, `#/components/schemas/${name}`);
    return [name, { ...(description && { description }), ...own }];
  });
  return Object.fromEntries(entries);
}

const elsewhere = (name: string): Schema => ({
  type: 'object',
  description: `\`GET /v1/event_types/${name}\` has its schema.`,
});

/** An event of that type, as it is sent. */
export const eventOf = ({ name, version }: DescribedType): Schema => ({
  allOf: [
    { $ref: '#/components/schemas/Event' },
    {
      type: 'object',
      properties: {
        type: { const: name },
        version: { const: version },
        payload: payloadRef(name),
      },
    },
  ],
});

/** An event with each of the type's examples as its payload. */
export const exampleEvents = ({ name, version, examples }: DescribedType): Schema[] =>
  examples
    .filter(isPlain)
    .slice(0, 5)
    .map((payload) => ({
      id: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70',
      type: name,
      version,
      workspace_id: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f71',
      channel_id: null,
      message_id: null,
      key: null,
      seq: null,
      timestamp: '2024-01-15T12:00:00.000Z',
      payload,
    }));

/** Headers of a request that brings an event. */
export const webhookHeaders = {
  'webhook-id': 'The same for each try of one event and endpoint.',
  'webhook-timestamp': 'When it was sent, in seconds since 1970.',
  'webhook-signature': 'Signs id, timestamp and body, as Standard Webhooks say.',
};
