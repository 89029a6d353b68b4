import type { DescribedType } from '../../events/registry.ts';
import { eventOf, exampleEvents, webhookHeaders } from './payloads.ts';

/** What OpenAPI calls `webhooks`: a request of ours for each event type. */
export const webhooksOf = (types: DescribedType[]): Record<string, unknown> =>
  Object.fromEntries(types.map((type) => [type.name, { post: webhookOf(type) }]));

function webhookOf(type: DescribedType) {
  const { name, description } = type;
  const examples = exampleEvents(type).map((value, place) => [`example ${place + 1}`, { value }]);
  return {
    // A name has no two underscores in a row.
    operationId: `webhook__${name.replace('.', '__')}`,
    tags: ['Webhooks'],
    summary: `Sent for each ${name}`,
    ...(description && { description }),
    security: [],
    parameters: Object.entries(webhookHeaders).map(([header, about]) => ({
      name: header,
      in: 'header',
      required: true,
      description: about,
      schema: { type: 'string' },
    })),
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: eventOf(type),
          ...(examples.length > 0 && { examples: Object.fromEntries(examples) }),
        },
      },
    },
    responses: { '2XX': { description: 'Taken. Anything else is tried again.' } },
  };
}
