import { setTimeout as wait } from 'node:timers/promises';
import { pick, type Random } from '../random.ts';
import type { Answer, Call, Client } from './client.ts';
import type { Accepted, Journal } from './journal.ts';
import { people, type Workspace } from './workspace.ts';

const vocabulary =
  'a quick brown fox jumps over the lazy dog while nobody in the whole house is looking at it'.split(
    ' ',
  );

/** How often a writer opens a channel. */
const NEW_CHANNELS = 0.01;

/** Messages of its own that a writer still edits and deletes. */
const REMEMBERED = 30;

export interface Writing {
  client: Client;
  journal: Journal;
  workspaces: Workspace[];
  random: Random;
  /** Tells writers apart. */
  name: string;
  /** Longest pause after a call, in ms. */
  pauseMs: number;
}

/**
 * Writes, edits and deletes messages, one call after another, and writes down what was answered.
 */
export class Writer {
  readonly #with: Writing;
  readonly #own: Accepted[] = [];
  #texts = 0;
  #stopping = false;

  constructor(writing: Writing) {
    this.#with = writing;
  }

  /** Until it is stopped; the call in hand is seen through. */
  async work(): Promise<void> {
    const { random, pauseMs } = this.#with;
    while (!this.#stopping) {
      const dice = random();
      const old = this.#own.length > 0 ? pick(random, this.#own) : undefined;
      if (dice < NEW_CHANNELS) await this.#open();
      else if (!old || dice < 0.7) await this.#post();
      else if (dice < 0.9) await this.#edit(old);
      else await this.#remove(old);
      await wait(random() * pauseMs);
    }
  }

  stop(): void {
    this.#stopping = true;
  }

  async #post(): Promise<void> {
    const { journal, workspaces, random } = this.#with;
    const workspace = pick(random, workspaces);
    const channel_id = pick(random, workspace.channels);
    const author = pick(random, people);
    const mention =
      random() < 0.3
        ? pick(
            random,
            people.filter((name) => name !== author),
          )
        : null;
    const { word, text } = this.#text(mention);
    const call = {
      method: 'POST',
      path: `/v1/channels/${channel_id}/messages`,
      key: workspace.key,
      body: { author, text },
      once: word,
    };
    const answers = await this.#several(call);
    for (const answer of answers.slice(1)) this.#compare(answers[0]!, answer);
    const [{ status, body }] = answers as [Answer];
    if (status !== 201)
      return journal.complain(`a message was answered ${status}: ${JSON.stringify(body)}`);
    const { id, event_id, seq } = body as { id: string; event_id: string; seq: number };
    const state = { former: [], edits: 0, isDeleted: false, isUnsure: false };
    const message: Accepted = {
      id,
      event_id,
      seq,
      channel_id,
      workspace,
      author,
      mention,
      text,
      word,
      ...state,
    };
    journal.messages.push(message);
    this.#own.push(message);
    if (this.#own.length > REMEMBERED) this.#own.shift();
    if (body.text !== text || body.author !== author)
      journal.complain(`message ${id} was answered with another text or author`);
    if (random() < 0.05) await this.#again(call, answers[0]!);
  }

  /** Mostly once; now and then twice at the same moment, as a nervous client does. */
  #several(call: Call): Promise<Answer[]> {
    const { client, random } = this.#with;
    return Promise.all(Array.from({ length: random() < 0.03 ? 2 : 1 }, () => client.call(call)));
  }

  /** A key that was answered gives that answer again, whatever has happened since. */
  async #again(call: Call, first: Answer): Promise<void> {
    const { client, journal } = this.#with;
    const second = await client.call(call);
    journal.replays += 1;
    if (!second.replayed)
      journal.complain(
        `key ${call.once} had been answered, and its repetition is not marked as replayed`,
      );
    this.#compare(first, second);
  }

  #compare(first: Answer, second: Answer): void {
    const [a, b] = [first, second].map(({ status, body }) => JSON.stringify([status, body]));
    if (a !== b)
      this.#with.journal.complain(`one key was answered twice, and differently: ${a} and ${b}`);
  }

  async #open(): Promise<void> {
    const { journal, workspaces, random, name } = this.#with;
    const workspace = pick(random, workspaces);
    this.#texts += 1;
    const once = `${name}c${this.#texts}`;
    const answers = await this.#several({
      method: 'POST',
      path: '/v1/channels',
      key: workspace.key,
      body: { name: once },
      once,
    });
    for (const answer of answers.slice(1)) this.#compare(answers[0]!, answer);
    const [{ status, body }] = answers as [Answer];
    if (status !== 201)
      return journal.complain(`a channel was answered ${status}: ${JSON.stringify(body)}`);
    workspace.channels.push(String(body.id));
  }

  async #edit(message: Accepted): Promise<void> {
    const { client, journal } = this.#with;
    const { word, text } = this.#text(message.mention);
    const answer = await client.call({
      method: 'PATCH',
      path: `/v1/messages/${message.id}`,
      key: message.workspace.key,
      body: { text },
    });
    if (answer.status !== 200)
      return journal.complain(
        `the edit of message ${message.id} was answered ${answer.status}: ${JSON.stringify(answer.body)}`,
      );
    message.former.push(message.word);
    Object.assign(message, {
      word,
      text,
      edits: message.edits + 1,
      isUnsure: message.isUnsure || answer.isUnsure,
    });
    journal.edits += 1;
  }

  async #remove(message: Accepted): Promise<void> {
    const { client, journal } = this.#with;
    this.#own.splice(this.#own.indexOf(message), 1);
    const { status, repeated } = await client.call({
      method: 'DELETE',
      path: `/v1/messages/${message.id}`,
      key: message.workspace.key,
    });
    // Where the first call's answer was lost, the message is gone already.
    if (status !== 204 && !(status === 404 && repeated > 0))
      journal.complain(`the deletion of message ${message.id} was answered ${status}`);
    message.isDeleted = true;
    journal.deletions += 1;
  }

  #text(mention: string | null): { word: string; text: string } {
    const { random, name } = this.#with;
    this.#texts += 1;
    const word = `${name}t${this.#texts}`;
    const some = Array.from({ length: 3 + Math.floor(random() * 12) }, () =>
      pick(random, vocabulary),
    );
    return { word, text: [word, ...some, ...(mention ? [`@${mention}`] : [])].join(' ') };
  }
}
