import { eventType, eventTypes } from '../../src/events/index.ts';
import type { OpenApi } from './http.ts';
import { blocks, code, page, sentence, wrap } from './markdown.ts';
import { fields, type Schema } from './schema.ts';

/** docs/reference/events.md. */
export const eventsPage = ({ components }: OpenApi): string =>
  page(
    'Events',
    wrap(
      'An event says what has happened. It is stored in the same transaction as the change that it ' +
        'is about. Webhooks carry events as their bodies, and `GET /v1/events` lists them.',
    ),
    blocks('## Fields of every event', fields(components.schemas.Event!)),
    ...eventTypes().map(describeEvent),
  );

function describeEvent(name: string): string {
  const { version, description, schema } = eventType(name)!;
  return blocks(
    `## ${name}`,
    description && wrap(sentence(description)),
    wrap(`Version of the payload: ${code(String(version))}. Fields of \`payload\`:`),
    fields(schema as Schema),
  );
}
