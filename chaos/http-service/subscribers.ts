import type { Client } from '../traffic/client.ts';

interface Subscribed {
  name: string;
  event_types: string[];
  ordering: 'none' | 'key';
  /** The same types as a regular expression of Postgres, for the checks. */
  matching: string;
}

/** Whom the service does work for. Edits are few, so that one request an event keeps up. */
export const SUBSCRIBERS: Subscribed[] = [
  { name: 'postings', event_types: ['bill.*'], ordering: 'none', matching: '^bill[.]' },
  {
    name: 'ordered-postings',
    event_types: ['message.updated', 'message.deleted'],
    ordering: 'key',
    matching: '^message[.](updated|deleted)$',
  },
];

/** Subscribes the service, before anything happens. @throws where it is refused */
export async function subscribeService(
  client: Client,
  { url, adminKey }: { url: string; adminKey: string },
): Promise<void> {
  for (const { name, event_types, ordering } of SUBSCRIBERS) {
    const path = `/v1/ops/subscribers/${name}`;
    // Without end: nothing is to be given up.
    const body = { url, event_types, ordering, timeout: '5s', attempts: 0 };
    const answer = await client.call({ method: 'PUT', path, key: adminKey, body });
    if (answer.status > 201)
      throw new Error(`PUT ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }
}
