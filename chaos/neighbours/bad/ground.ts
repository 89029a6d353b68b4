import { Client } from '../../traffic/client.ts';
import { Journal } from '../../traffic/journal.ts';
import { ResponseTimes } from '../../traffic/response-times.ts';
import type { BadReceiver } from './receiver.ts';

/** Where the bad ones live. */
export interface Place {
  apiUrl: string;
  adminKey: string;
  /** For what an operator does by hand. */
  databaseUrl: string;
  receiver: BadReceiver;
}

/** A workspace of a bad one, with one channel. */
export interface Tenant {
  id: string;
  key: string;
  channel: string;
}

/** What one bad neighbour calls with, and what is counted of it. */
export class Ground {
  readonly name: string;
  readonly place: Place;
  readonly journal = new Journal();
  promptness = new ResponseTimes();
  /** Messages that it was answered for. */
  readonly accepted: string[] = [];
  readonly client: Client;

  constructor(name: string, place: Place) {
    this.name = name;
    this.place = place;
    this.client = new Client([place.apiUrl], this.journal, (seen) => this.promptness.see(seen));
  }

  /** What was called so far was for settling in: it counts for nothing. */
  begin(): void {
    this.promptness = new ResponseTimes();
    this.journal.answers.clear();
  }

  /** A new workspace. @param which tells several apart */
  async tenant(which: number | string = ''): Promise<Tenant> {
    const name = `${this.name} ${which}`.trim();
    const { id, api_key: key } = await this.#make(this.place.adminKey, '/v1/workspaces', { name });
    const { id: channel } = await this.#make(key!, '/v1/channels', { name: 'general' });
    return { id: id!, key: key!, channel: channel! };
  }

  /** @returns the endpoint's id */
  async endpoint({ key }: Tenant, url: string): Promise<string> {
    return (await this.#make(key, '/v1/endpoints', { url, event_types: ['message.created'] })).id!;
  }

  /** One call, whatever it is answered. */
  async call(
    method: string,
    path: string,
    key: string,
    headers?: Record<string, string>,
  ): Promise<Record<string, unknown>> {
    const answer = await this.client.once({ method, path, key, headers });
    return typeof answer === 'string' ? {} : answer.body;
  }

  /** Posts once, whatever is answered. */
  async post({ key, channel }: Tenant, text: string, metadata?: object): Promise<void> {
    const path = `/v1/channels/${channel}/messages`;
    const answer = await this.client.once({
      method: 'POST',
      path,
      key,
      body: { author: 'mallory', text, metadata },
    });
    if (typeof answer === 'object' && answer.status === 201)
      this.accepted.push(String(answer.body.id));
  }

  async #make(
    key: string,
    path: string,
    body: object,
  ): Promise<Partial<Record<'id' | 'api_key', string>>> {
    const answer = await this.client.call({ method: 'POST', path, key, body });
    if (answer.status !== 201)
      throw new Error(`POST ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}
