import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';

/** Texts that no message has any more, and words in each. */
const LEFT_OVER = 10_000;
const WORDS = 300;

/**
 * What search looks through is full of what is long gone, and its index was dropped: every search
 * reads all of that.
 */
export const slowSearch: Drill = {
  name: 'slow-search',
  summary: 'a search that reads far more than there is, and without an index',
  complaint: '"Searching takes longer each day. It finds what it should, in the end."',
  async begin(stage) {
    const { pg } = stage;
    const customer = await Customer.at(stage, 'an archive');
    const messages = 20;
    await customer.postMany(messages, (n) => `the harbour at night, picture ${n}`);
    const find = () => customer.ask('GET', '/v1/search?q=harbour');
    await stage.until('that search has them', async () => (await find()).data.length === messages);
    stage.afterwards(async () => {
      await pg`delete from knockon.search_documents d where d.author = 'drill' and not exists (select from knockon.messages m where m.id = d.message_id)`;
      await pg`create index if not exists search_documents_document on search_documents using gin (document)`;
    });
    stage.tell(`leaving ${LEFT_OVER} texts behind …`);
    await pg`drop index if exists search_documents_document`;
    await pg`
      insert into knockon.search_documents (message_id, workspace_id, channel_id, author, sent_at, version, document)
      select uuidv7(), ${customer.workspaceId}, ${customer.channelId}, 'drill', now(), 1, text
      from generate_series(1, ${LEFT_OVER}), (
        select to_tsvector('simple', 'harbour ' || string_agg(md5(n::text), ' ')) as text from generate_series(1, ${WORDS}) n) t`;
    stage.env.KNOCKON_API_KEY = customer.key;
    return {
      words: {},
      async remains() {
        if ((await find()).data.length < messages) return 'what is there can not be found';
        const [now] = await pg<{ index: boolean; left: boolean }[]>`
          select to_regclass('knockon.search_documents_document') is not null as index,
            exists (select from knockon.search_documents where author = 'drill') as left`;
        if (now?.left) return 'search reads texts that no message has';
        return now?.index ? null : 'search has no index';
      },
    };
  },
};
