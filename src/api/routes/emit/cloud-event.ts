import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { deliverAt, moment, text } from '../../fields.ts';
import { eventKey } from './new-event.ts';

/** The media types of the JSON format. */
export const CLOUD_EVENT = 'application/cloudevents+json';
export const CLOUD_EVENTS = 'application/cloudevents-batch+json';

const json = /^application\/(?:[\w.-]+\+)?json\s*(?:;.*)?$/i;

/** A CloudEvent 1.0, as far as it says anything here. Its other attributes are not looked at. */
export const cloudEvent = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: text(1, 1000).openapi({ description: 'With `source`, what tells it from all others.' }),
    source: text(1, 1000).openapi({ example: '/billing' }),
    type: z.string().openapi({ description: 'A declared event type.', example: 'invoice.paid' }),
    time: moment.optional().openapi({ type: 'string' }),
    subject: z.string().optional().openapi({
      description: "Without partitionkey, the event's key: of 1 to 200 characters then.",
    }),
    partitionkey: eventKey.optional().openapi({ description: "The event's key." }),
    deliverat: deliverAt.optional(),
    datacontenttype: z
      .string()
      .regex(json, { message: 'must be JSON' })
      .optional()
      .openapi({ example: 'application/json' }),
    data: z
      .unknown()
      .optional()
      .openapi({ type: 'object', description: "The event's payload; default: an empty one." }),
  })
  .refine(({ data_base64 }) => data_base64 === undefined, {
    path: ['data_base64'],
    message: 'is binary data: send JSON in data',
  })
  .superRefine(({ subject, partitionkey }, { addIssue }) => {
    if (subject === undefined || partitionkey !== undefined) return;
    for (const { message } of eventKey.safeParse(subject).error?.issues ?? [])
      addIssue({ code: 'custom', path: ['subject'], message });
  })
  .openapi('CloudEvent', { description: 'A CloudEvent 1.0 in the JSON format.' });

export type CloudEvent = z.output<typeof cloudEvent>;

/** A CloudEvent as an event of ours, and where its fields come from. */
export interface MappedEvent {
  value: { type: string; payload: unknown; key?: string; deliver_at?: string };
  /** What the CloudEvent calls a field of the event. */
  names: Record<string, string>;
  /** The same for the same `source` and `id`. No header can be such a key. */
  idempotencyKey: string;
}

/** Maps `type`, `data`, `deliverat`, and `partitionkey` or else `subject`. */
export function mapCloudEvent(event: CloudEvent): MappedEvent {
  const { type, data = {}, partitionkey, subject, deliverat, source, id } = event;
  const identity = createHash('sha256')
    .update(JSON.stringify([source, id]))
    .digest('hex');
  const key = partitionkey ?? subject;
  return {
    value: {
      type,
      payload: data,
      ...(key !== undefined && { key }),
      ...(deliverat !== undefined && { deliver_at: deliverat.toISOString() }),
    },
    names: {
      payload: 'data',
      key: partitionkey === undefined ? 'subject' : 'partitionkey',
      deliver_at: 'deliverat',
    },
    idempotencyKey: `cloudevent\n${identity}`,
  };
}

/**
 * What a number in a request's body is called.
 *
 * @param path where it stands in the body
 * @returns undefined where nobody reads it: an attribute of the CloudEvent that says nothing here
 */
export function nameOfNumber(headers: Headers, path: string): string | undefined {
  if (mediaTypeOf(headers) === CLOUD_EVENT) return isOfData(path) ? path : undefined;
  if (isBinary(headers)) return path === '' ? 'data' : `data.${path}`;
  return path;
}

/** Whether what stands there in a CloudEvent is its data: numbers elsewhere say nothing here. */
export const isOfData = (path: string): boolean => /^data(?:\.|$)/.test(path);

/** What a request's body is, without parameters. */
export const mediaTypeOf = (headers: Headers): string =>
  (headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();

/** Whether a request carries a CloudEvent in its headers. */
export const isBinary = (headers: Headers): boolean =>
  headers.has('ce-specversion') || headers.has('ce-id') || headers.has('ce-type');

/** The CloudEvent of a request whose attributes are in its headers and whose data is its body. */
export function fromHeaders(headers: Headers, data: unknown): Record<string, unknown> {
  const attributes = [...headers]
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, value]) => [name.slice(3), decoded(value)]);
  return { ...Object.fromEntries(attributes), data };
}

/** As the HTTP binding of CloudEvents writes what is not printable ASCII. */
function decoded(value: string): string {
  const unquoted = value.replace(/^"(.*)"$/, (_, inner: string) => inner.replace(/\\(.)/g, '$1'));
  try {
    return decodeURIComponent(unquoted);
  } catch {
    return unquoted;
  }
}
