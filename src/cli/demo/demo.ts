import type { Command } from 'commander';
import { type Api, ApiProblem, createApi } from '../api/client.ts';
import { type ApiAddress, findApi } from '../api/find-api.ts';
import { type ApiOptions, addApiOptions } from '../api/options.ts';
import { openChannel } from '../import/channel.ts';
import {
  CommandError,
  endOnInterrupt,
  processTerminal,
  reported,
  styled,
  type Terminal,
} from '../terminal/output.ts';
import { readConversation, type Scene } from './conversation.ts';
import { openShop, type Shop } from './shop.ts';
import { type Arrival, watchEvent } from './watch.ts';
import { whatNext } from './what-next.ts';

const MORE = `
Start everything in one terminal with \`npm start\`, then run this in another. It posts eight
messages into a channel of the demo workspace, edits one and deletes one. It shows each effect
when it has happened, in milliseconds since the request was sent.

The demo is a customer too. Its endpoint on this machine refuses one webhook, and gets it again
after 5 s.

Examples:
  $ npm run demo
  $ knockon demo --channel playground
  $ knockon demo --json | jq '.effects[] | .ms'

Exit codes: 0 shown; 1 nothing is running, or the API refuses.`;

export function demoCommand(program: Command): void {
  const command = program
    .command('demo')
    .summary("post a small conversation and watch each message's journey")
    .description(
      "Posts a small invented conversation and shows each message's journey as it happens, with " +
        'links into the Temporal UI.',
    )
    .option('--channel <name>', 'where to post; made if there is none', 'demo')
    .addHelpText('after', MORE);
  addApiOptions(command).action(
    reported(async (options: ApiOptions & { channel: string }) => {
      const address = findApi(options);
      const api = createApi(address);
      await runDemo({
        api,
        address,
        channel: options.channel,
        terminal: processTerminal(),
        json: options.json === true,
      }).finally(() => api.close());
    }),
  );
}

export interface Stage {
  api: Api;
  address: ApiAddress;
  channel: string;
  terminal: Terminal;
  json: boolean;
}

interface PostedMessage {
  id: string;
  channel_id: string;
}

/** Plays the conversation, one message after the other. */
export async function runDemo(stage: Stage): Promise<void> {
  const { api, address } = stage;
  await expectSubscribers(api);
  // Only an API on this machine reaches this process.
  const shop = address.up ? await openShop(api) : null;
  endOnInterrupt(shop?.close);
  await playAll(stage, shop).finally(shop?.close);
}

async function playAll(stage: Stage, shop: Shop | null): Promise<void> {
  const { api, terminal, json } = stage;
  const channel = await openChannel(api, stage.channel);
  if (!json)
    terminal.out(
      `Posting into ${styled(terminal, 'bold', channel.name)} at ${stage.address.url}. Times ` +
        'count from the request.\n',
    );
  if (!json && shop)
    terminal.out(`Webhooks go to ${shop.url}, which refuses the third one at first.\n`);
  if (stage.address.up?.mail_url) await giveAddress(api);
  const arrivals: Arrival[] = [];
  const posted: { id: string; scene: Scene }[] = [];
  for (const scene of readConversation()) {
    const send = () =>
      api.send<PostedMessage>('POST', `/v1/channels/${channel.id}/messages`, {
        body: { author: scene.author, text: scene.text },
      });
    const { id, arrival } = await play(
      stage,
      `${scene.author}: ${scene.text}`,
      'message.created',
      send,
    );
    arrivals.push(arrival);
    posted.push({ id, scene });
  }
  for (const { id, scene } of posted) {
    const path = `/v1/messages/${id}`;
    const { edit } = scene;
    if (edit)
      await play(
        stage,
        `${scene.author} edits: ${edit}`,
        'message.updated',
        () => api.send('PATCH', path, { body: { text: edit } }),
        id,
      );
    if (scene.delete)
      await play(
        stage,
        `${scene.author} deletes: ${scene.text}`,
        'message.deleted',
        () => api.send('DELETE', path),
        id,
      );
  }
  if (!json) terminal.out(whatNext(terminal, stage.address, channel, arrivals, posted[0]?.id));
}

/** Makes one request and shows what happens because of it. */
async function play(
  { api, terminal, json }: Stage,
  line: string,
  type: string,
  send: () => Promise<{ body: PostedMessage | undefined }>,
  known?: string,
): Promise<{ id: string; arrival: Arrival }> {
  if (!json) terminal.out(styled(terminal, 'bold', line));
  const began = Date.now();
  const { body } = await send();
  const answered = Date.now() - began;
  const id = known ?? body?.id ?? '';
  const arrival = await watchEvent({
    api,
    terminal: json ? null : terminal,
    messageId: id,
    type,
    began,
    answered,
  });
  if (json) terminal.out(JSON.stringify({ message_id: id, ...arrival }));
  return { id, arrival };
}

async function expectSubscribers(api: Api): Promise<void> {
  const { data } = await api.get<{ data: unknown[] }>('/v1/subscribers?limit=1');
  if (data.length === 0)
    throw new CommandError(
      'The API answers, but no effect has registered yet: is an effect worker running? `npm ' +
        'start` starts one.',
    );
}

/**
 * Where e-mail is caught, grace gets an address: her mentions arrive there once they have stayed
 * unread for a while.
 */
async function giveAddress(api: Api): Promise<void> {
  const path = '/v1/members/grace';
  const known = await api.get(path).catch((error) => {
    if (error instanceof ApiProblem && error.status === 404) return null;
    throw error;
  });
  if (!known)
    await api.send('PUT', path, {
      body: { email: 'grace@example.com', display_name: 'Grace', emails: 'mentions' },
    });
}
