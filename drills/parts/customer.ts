import type { Body, Stage } from '../product/stage.ts';

/** Somebody with a workspace, a channel and a key. */
export class Customer {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly key: string;
  readonly #stage: Stage;

  private constructor(stage: Stage, at: { workspaceId: string; channelId: string; key: string }) {
    this.#stage = stage;
    this.workspaceId = at.workspaceId;
    this.channelId = at.channelId;
    this.key = at.key;
  }

  /** Signs up. The workspace and its messages stay, as all that is in the log does. */
  static async at(stage: Stage, name: string): Promise<Customer> {
    const { id, api_key: key } = await stage.ask('POST', '/v1/workspaces', {
      name: `Drill: ${name}`,
    });
    const channel = await stage.ask('POST', '/v1/channels', { name: 'general' }, key);
    return new Customer(stage, { workspaceId: id, channelId: channel.id, key });
  }

  ask(method: string, path: string, body?: unknown): Promise<Body> {
    return this.#stage.ask(method, path, body, this.key);
  }

  post(text: string): Promise<Body> {
    return this.ask('POST', `/v1/channels/${this.channelId}/messages`, { author: 'ada', text });
  }

  /** Posts so many, a few at a time. @returns the messages, in no order */
  async postMany(count: number, text: (n: number) => string, atOnce = 8): Promise<Body[]> {
    const messages: Body[] = [];
    let next = 0;
    const one = async () => {
      while (next < count) messages.push(await this.post(text(next++)));
    };
    await Promise.all(Array.from({ length: atOnce }, one));
    return messages;
  }

  /** Has new messages sent to a URL until the drill ends. @returns the endpoint's id */
  async subscribe(url: string): Promise<string> {
    const { id } = await this.ask('POST', '/v1/endpoints', {
      url,
      event_types: ['message.created'],
    });
    this.#stage.afterwards(() =>
      this.#stage.call('DELETE', `/v1/endpoints/${id}`, undefined, this.key),
    );
    return id;
  }

  /** How many deliveries to an endpoint are in that state. */
  async deliveries(endpointId: string, state: 'pending' | 'delivered' | 'failed'): Promise<number> {
    const [row] = await this.#stage.pg<{ n: number }[]>`
      select count(*)::int as n from knockon.deliveries where endpoint_id = ${endpointId} and state = ${state}`;
    return row?.n ?? 0;
  }
}
