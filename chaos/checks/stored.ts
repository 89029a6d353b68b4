import type { Accepted } from '../traffic/journal.ts';
import { type Check, idsOf, type World } from './check.ts';

interface Stored {
  id: string;
  channel_id: string;
  seq: number;
  author: string;
  text: string;
  version: number;
  is_deleted: boolean;
  /** Its events as they lie in the log, `message.created` first. */
  events: { id: string; type: string; text: string | null }[];
}

const readStored = ({ pg, workspaces }: World) => pg<Stored[]>`
  select m.id, m.channel_id, m.seq::float8 as seq, m.author, m.text, m.version, m.deleted_at is not null as is_deleted,
    array_agg(jsonb_build_object('id', e.id, 'type', e.type, 'text', e.payload -> 'text') order by e.seq) as events
  from knockon.messages m left join knockon.events e on e.message_id = m.id
  where m.workspace_id = any(${idsOf(workspaces)}) group by m.id`;

/** The messages there are, against those that were answered for. */
export const stored: Check = {
  promise: 'every accepted message is stored, with its event, as it was last answered for',
  async look(world) {
    const { journal } = world;
    const rows = new Map((await readStored(world)).map((row) => [row.id, row]));
    const wrong = journal.messages.flatMap((message) =>
      [...differences(message, rows.get(message.id))].map(
        (what) => `message ${message.id} ${what}`,
      ),
    );
    return { examined: journal.messages.length, wrong };
  },
};

function* differences(message: Accepted, row: Stored | undefined): Generator<string> {
  if (!row) return yield 'was answered for and is not there';
  const { channel_id, seq, author } = row;
  if (channel_id !== message.channel_id || seq !== message.seq || author !== message.author)
    yield 'is not where, or not by whom, it was answered';
  if (row.is_deleted !== message.isDeleted)
    yield message.isDeleted ? 'was deleted and is there' : 'was deleted by nobody';
  if (!message.isDeleted && !message.isUnsure && row.text !== message.text)
    yield `says ${row.text}, and its last answer was ${message.text}`;
  const [first] = row.events;
  if (first?.type !== 'message.created' || first.id !== message.event_id)
    yield 'has not the event that it was answered with';
  if (row.events.length !== row.version)
    yield `is at version ${row.version} and has ${row.events.length} events`;
  const edits = row.events.filter(({ type }) => type === 'message.updated');
  const texts = new Set(edits.map(({ text }) => text?.split(' ')[0]));
  const missing = [...message.former, message.word].slice(1).filter((word) => !texts.has(word));
  if (missing.length > 0) yield `was edited to ${missing.join(', ')}, of which no event tells`;
  const last = row.events.at(-1);
  if (last?.type !== 'message.deleted' && last?.text !== row.text)
    yield 'says something else than its last event';
}

/** A retried request under the same key is the same message. */
export const onceEach: Check = {
  promise: 'no message is stored that was not accepted, and none twice',
  async look({ pg, journal, workspaces }) {
    const known = new Set(journal.messages.map(({ id }) => id));
    const rows = await pg<{ id: string; key: string | null }[]>`
      select m.id, k.key from knockon.messages m left join knockon.idempotency_keys k on k.message_id = m.id where m.workspace_id = any(${idsOf(workspaces)})`;
    const unknown = rows.filter(
      ({ id, key }) => !known.has(id) && !journal.unanswered.has(key ?? ''),
    );
    return {
      examined: rows.length,
      wrong: unknown.map(
        ({ id, key }) => `message ${id} (key ${key}) is stored, and nobody was answered so`,
      ),
    };
  },
};
