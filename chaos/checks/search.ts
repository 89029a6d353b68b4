import pMap from 'p-map';
import type { Accepted } from '../traffic/journal.ts';
import { type Check, living, sample, type World } from './check.ts';

/** The index against the messages: as new as they are, and empty where they are gone. */
export const index: Check = {
  promise: 'the search index has every message as it is now, and nothing of those that are deleted',
  async look({ pg, journal }) {
    const sure = living(journal).filter(({ isUnsure }) => !isUnsure);
    const rows = await pg<{ id: string; why: string }[]>`
      select m.id, case when d.message_id is null then 'is not in the index' when d.version <> m.version then 'is in the index with an older text'
        when m.deleted_at is not null then 'is deleted, and its text is in the index' else 'is not found by its word' end as why
      from knockon.messages m left join knockon.search_documents d on d.message_id = m.id
      left join unnest(${sure.map(({ id }) => id)}::uuid[], ${sure.map(({ word }) => word)}::text[]) as w (id, word) on w.id = m.id
      where d.version is distinct from m.version or (d.document is null) <> (m.deleted_at is not null)
        or (w.word is not null and not d.document @@ plainto_tsquery('english', w.word))`;
    return {
      examined: journal.messages.length,
      wrong: rows.map(({ id, why }) => `message ${id} ${why}`),
    };
  },
};

/** Searches through the API. */
const SEARCHES = 60;

/** As a user sees it. */
export const searched: Check = {
  promise:
    'GET /v1/search finds messages by their words, and not by those of former texts or deleted messages',
  async look(world) {
    const { messages } = world.journal;
    const sure = messages.filter(({ isUnsure }) => !isUnsure);
    const deleted = sample(
      messages.filter(({ isDeleted }) => isDeleted),
      SEARCHES / 2,
    );
    const edited = sample(
      living(world.journal).filter(({ former }) => former.length > 0),
      SEARCHES / 2,
    );
    const questions = [
      ...sample(
        sure.filter(({ isDeleted }) => !isDeleted),
        SEARCHES,
      ).map((message) => ({ message, word: message.word, hits: [message.id] })),
      ...deleted.map((message) => ({ message, word: message.word, hits: [] })),
      ...edited.map((message) => ({ message, word: message.former[0]!, hits: [] })),
    ];
    const wrong = await pMap(questions, (question) => ask(world, question), { concurrency: 4 });
    return { examined: questions.length, wrong: wrong.flat() };
  },
};

async function ask(
  { client }: World,
  { message, word, hits }: { message: Accepted; word: string; hits: string[] },
): Promise<string[]> {
  const { status, body } = await client.call({
    method: 'GET',
    path: `/v1/search?q=${word}`,
    key: message.workspace.key,
  });
  const found = ((body.data ?? []) as { message: { id: string } }[]).map((hit) => hit.message.id);
  if (status === 200 && JSON.stringify(found) === JSON.stringify(hits)) return [];
  return [
    `search for ${word} was answered ${status} with ${found.join(', ') || 'nothing'} instead of ${hits.join(', ') || 'nothing'}`,
  ];
}
