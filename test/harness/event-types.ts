import type { Database } from '../../src/db/client.ts';

/** Invoices, as tests have them. */
export const invoiceSchema = {
  type: 'object',
  properties: {
    amount: { type: 'integer' },
    note: { type: ['string', 'array'] },
    lines: { type: 'array', items: { type: 'object', required: ['sku'] } },
  },
  required: ['amount'],
};

/** Declares event types as rows, all with one schema. */
export async function declareTypes(
  { pg }: Pick<Database, 'pg'>,
  names: string[],
  { schema = invoiceSchema, version = 1 }: { schema?: object; version?: number } = {},
): Promise<void> {
  for (const name of names)
    await pg`
      insert into knockon.event_types (name, version, schema, source)
      values (${name}, ${version}, ${pg.json(schema as never)}, 'api') on conflict do nothing`;
}

/** A schema whose alternatives each look at the same field, and a payload that is costly by it. */
export const costly = {
  schema: {
    type: 'object',
    properties: { it: { $ref: '#/$defs/either' } },
    $defs: {
      either: {
        anyOf: ['no', 'never'].map((name) => ({
          properties: { it: { $ref: '#/$defs/either' } },
          required: [name],
        })),
      },
    },
  },
  payload: JSON.parse(`${'{"it":'.repeat(60)}1${'}'.repeat(60)}`),
};
