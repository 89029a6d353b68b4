import type { DescribedType } from '../../events/registry.ts';
import { eventOf, exampleEvents, payloadSchemas, webhookHeaders } from './payloads.ts';

const description = `What happens, as endpoints are told of it: a POST for each event, with the
event as its body, signed as Standard Webhooks say. \`POST /v1/endpoints\` makes an endpoint, and
\`/openapi.json\` describes the HTTP API.`;

const by = (types: DescribedType[], make: (type: DescribedType) => unknown) =>
  Object.fromEntries(types.map((type) => [type.name, make(type)]));

const headers = {
  type: 'object',
  required: Object.keys(webhookHeaders),
  properties: Object.fromEntries(
    Object.entries(webhookHeaders).map(([name, about]) => [
      name,
      { type: 'string', description: about },
    ]),
  ),
};

function examplesOf(type: DescribedType) {
  const examples = exampleEvents(type).map((payload) => ({ payload }));
  return examples.length > 0 ? { examples } : {};
}

/**
 * The AsyncAPI 3 document of these event types: a channel and a message each.
 *
 * @param event the JSON Schema of what all events have
 */
export const describeEvents = (types: DescribedType[], event: unknown) => ({
  asyncapi: '3.0.0',
  info: { title: 'Knock-on events', version: '1', description, license: { name: 'MIT' } },
  defaultContentType: 'application/json',
  channels: by(types, ({ name, description }) => ({
    address: null,
    title: name,
    ...(description && { description }),
    messages: { event: { $ref: `#/components/messages/${name}` } },
  })),
  operations: by(types, ({ name }) => ({
    action: 'send',
    title: `Send ${name}`,
    summary: `An endpoint that listens to ${name} gets each such event.`,
    channel: { $ref: `#/channels/${name}` },
    messages: [{ $ref: `#/channels/${name}/messages/event` }],
  })),
  components: {
    messages: by(types, (type) => ({
      name: type.name,
      title: type.name,
      ...(type.description && { summary: type.description }),
      contentType: 'application/json',
      headers,
      payload: eventOf(type),
      ...examplesOf(type),
    })),
    schemas: { Event: event, ...payloadSchemas(types) },
  },
});
