import type { Drill } from '../drill.ts';
import { Customer } from '../parts/customer.ts';
import type { Stage } from '../product/stage.ts';

/**
 * Room that there is beside what was stored before, and what somebody's copy takes of it, in MiB.
 */
const ROOM = 24;
const COPY = 32;

/**
 * A table that somebody has left behind takes all the room there is. The disk's end is played by a
 * quota: triggers refuse to write with the disk's own error (53100) while the database is larger
 * than that.
 */
export const postgresFull: Drill = {
  name: 'postgres-full',
  summary: 'Postgres has no room left to write to',
  complaint:
    '"Nobody can write any more: every message is refused." It is every customer who says so.',
  stops: 'all writing to the database',
  async begin(stage) {
    const { pg } = stage;
    const customer = await Customer.at(stage, 'everybody');
    stage.afterwards(async () => {
      await pg`drop function if exists drill_full() cascade`;
      await pg`drop table if exists messages_copy_of_last_spring`;
    });
    await setQuota(stage);
    await pg`create unlogged table messages_copy_of_last_spring (text text)`;
    await pg`alter table messages_copy_of_last_spring alter column text set storage plain`;
    await pg`insert into messages_copy_of_last_spring select repeat('a', 8000) from generate_series(1, ${COPY * 128})`;
    const post = () =>
      stage.call(
        'POST',
        `/v1/channels/${customer.channelId}/messages`,
        { author: 'ada', text: 'is it me?' },
        customer.key,
      );
    await stage.until('that messages are refused', async () => (await post()).status === 503);
    stage.env.CHANNEL_URL = `${stage.up.api_url}/v1/channels/${customer.channelId}/messages`;
    stage.env.KNOCKON_API_KEY = customer.key;
    return {
      words: {},
      async remains() {
        const { status } = await post();
        return status === 201 ? null : `messages are answered ${status}`;
      },
    };
  },
};

async function setQuota({ pg }: Stage): Promise<void> {
  await pg.unsafe(`
    do $$ declare quota bigint := pg_database_size(current_database()) + ${ROOM}::bigint * 1024 * 1024; t text; begin
      execute format('create or replace function drill_full() returns trigger language plpgsql as %L', format('begin
        if pg_database_size(current_database()) > %s then
          raise exception ''could not extend file "base/%%": No space left on device'', tg_relid using errcode = ''53100'', hint = ''Check free disk space.'';
        end if;
        return null;
      end', quota));
      for t in select tablename from pg_tables where schemaname = 'knockon' loop
        execute format('create trigger drill_full before insert or update on knockon.%I for each statement execute function drill_full()', t);
      end loop;
    end $$`);
}
