import { setTimeout as wait } from 'node:timers/promises';
import type { World } from '../checks/check.ts';

/** Sends a message and waits for its webhook: whether everything moves. */
export class Canary {
  readonly #world: World;
  readonly #posts: Promise<void>[] = [];
  #sent = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** @returns whether the webhook came, within `forMs` */
  async sings(forMs: number): Promise<boolean> {
    const until = Date.now() + forMs;
    const { journal, receiver, workspaces } = this.#world;
    const hook = receiver.hooks.find(({ types }) => types.includes('*'))!;
    const workspace = workspaces.find(({ id }) => id === hook.workspaceId)!;
    const [before, name] = [journal.messages.length, `canary${++this.#sent}`];
    this.#posts.push(this.#post(workspace, name).catch(({ message }: Error) => journal.complain(message)));
    while (Date.now() < until) {
      const message = journal.messages.slice(before).find(({ word }) => word === name);
      if (message && hook.events.has(message.event_id)) return true;
      await wait(50);
    }
    return false;
  }

  /** Until all its messages are answered: then they have to be there like any other. */
  async done(): Promise<void> {
    await Promise.all(this.#posts);
  }

  async #post(workspace: World['workspaces'][number], word: string): Promise<void> {
    const { client, journal } = this.#world;
    const [channel_id, author] = [workspace.channels[0]!, 'canary'];
    const text = `${word} is there`;
    const body = { author, text };
    const answer = await client.call({ method: 'POST', path: `/v1/channels/${channel_id}/messages`, key: workspace.key, body, once: word });
    if (answer.status !== 201) return journal.complain(`a message was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    const { id, event_id, seq } = answer.body as { id: string; event_id: string; seq: number };
    const state = { mention: null, former: [], edits: 0, isDeleted: false, isUnsure: false };
    journal.messages.push({ id, event_id, seq, channel_id, workspace, author, text, word, ...state });
  }
}
