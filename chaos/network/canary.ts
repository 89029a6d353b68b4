import { setTimeout as wait } from 'node:timers/promises';
import type { World } from '../checks/check.ts';
import { post } from '../traffic/post.ts';

/** Sends a message and waits for its webhook: whether everything moves. */
export class Canary {
  readonly #world: World;
  readonly #posts: Promise<unknown>[] = [];
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
    const plain = {
      workspace,
      channel_id: workspace.channels[0]!,
      author: 'canary',
      text: `${name} is there`,
      word: name,
    };
    this.#posts.push(
      post(this.#world, plain).catch(({ message }: Error) => journal.complain(message)),
    );
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
}
