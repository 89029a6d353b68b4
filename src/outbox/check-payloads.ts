import type { Sql } from 'postgres';
import type { DomainEvent } from '../events/index.ts';
import type { EventTypeRegistry } from '../events/registry.ts';
import { createPauses } from '../yield-to-others.ts';
import { type ClaimedDispatch, origin, specs } from './claim.ts';
import { SCHEMA_SUBSCRIBER } from './subscribers.ts';

/** What is compared with a schema. */
export type Unchecked = Pick<DomainEvent, 'id' | 'type' | 'version' | 'payload'>;

/** Whether a payload fits its type's schema. */
export type Fits = (event: Unchecked) => boolean | Promise<boolean>;

/** Whether events fit the version of their type that they were emitted with. */
export const fitsSchema =
  (types: Pick<EventTypeRegistry, 'find'>): Fits =>
  async ({ type, version, payload }) => {
    const known = await types.find(type, version);
    return known !== undefined && known.check(payload).length === 0;
  };

/** Most events that are read at once, and most bytes of their payloads, about. */
const PAGE = { events: 500, bytes: 512 * 1024 };

/**
 * Compares payloads that SQL has emitted with the schemas of their types. What does not fit leaves
 * the dispatch, before anybody has it, for one of its own: that is for the subscriber `schema`
 * alone. A crash at any moment leaves both unstarted, and a dispatcher begins anew.
 *
 * @returns what is to be started
 */
export async function checkPayloads(
  pg: Sql,
  group: ClaimedDispatch,
  fits: Fits,
): Promise<ClaimedDispatch[]> {
  if (!group.unchecked) return [group];
  const misfits: string[] = [];
  const pause = createPauses();
  for await (const page of uncheckedOf(pg, group.id))
    for (const event of page) {
      if (!(await fits(event))) misfits.push(event.id);
      await pause();
    }
  if (misfits.length > 0) return await setApart(pg, group, misfits);
  await pg`update knockon.dispatches set unchecked = null where id = ${group.id}`;
  return [group];
}

async function* uncheckedOf(pg: Sql, dispatchId: string): AsyncGenerator<Unchecked[]> {
  let page: Unchecked[] = [];
  do {
    page = await readPage(pg, dispatchId, page.at(-1)?.id ?? null);
    yield page;
  } while (page.length > 0);
}

/** An event at least, unless there is none. */
async function readPage(pg: Sql, dispatchId: string, after: string | null): Promise<Unchecked[]> {
  return await pg<Unchecked[]>`
    select id, type, version, payload from (
      select e.*, sum(bytes) over (order by id) - bytes as before from (
        select event_id from knockon.outbox where dispatch_id = ${dispatchId} and unchecked
          and (${after}::uuid is null or event_id > ${after})
        order by event_id limit ${PAGE.events}
      ) o cross join lateral (
        select id, type, version, payload, pg_column_size(payload)
          * case when pg_column_compression(payload) is null then 1 else 4 end as bytes
        from knockon.events where id = o.event_id offset 0
      ) e
    ) sized where before < ${PAGE.bytes} order by id`;
}

/** What is left of a dispatch, and what was taken out of it. */
interface Divided extends Omit<ClaimedDispatch, 'size'> {
  moved: number;
  left: number;
}

/** Only of a dispatch that nobody has started: its workflow counts its events. */
async function setApart(
  pg: Sql,
  group: ClaimedDispatch,
  misfits: string[],
): Promise<ClaimedDispatch[]> {
  const [divided] = await pg<Divided[]>`
    with whole as (
      select id, type, size from knockon.dispatches where id = ${group.id} and started_at is null
        for update
    ), fresh as materialized (select knockon.uuidv7() as id), moved as (
      update knockon.outbox o set dispatch_id = fresh.id, unchecked = false from fresh, whole
      where o.dispatch_id = whole.id and o.event_id = any(${misfits}::uuid[])
      returning o.workspace_id, o.channel_id
    ), counted as (select count(*)::int as n from moved), opened as (
      insert into knockon.dispatches (id, type, size, subscribers)
      select fresh.id, whole.type, n, ${[SCHEMA_SUBSCRIBER]} from fresh, whole, counted where n > 0
    ), rest as (
      update knockon.dispatches d set size = d.size - n, unchecked = null from whole, counted
        where d.id = whole.id and d.size > n
    ), emptied as (
      delete from knockon.dispatches d using whole, counted where d.id = whole.id and d.size = n
    )
    select fresh.id, whole.type, n as moved, whole.size - n as left, ${origin(pg)} as origin,
      ${specs(pg, pg`${[SCHEMA_SUBSCRIBER]}::text[]`)} as subscribers,
      array(select distinct workspace_id from moved) as workspace_ids,
      array(select distinct channel_id from moved where channel_id is not null) as channel_ids
    from fresh, whole, counted`;
  // Somebody else has checked and started it meanwhile.
  if (!divided) return [group];
  const { moved, left, ...apart } = divided;
  const fitting = left > 0 ? [{ ...group, size: left, unchecked: null }] : [];
  return moved > 0 ? [...fitting, { ...apart, size: moved }] : fitting;
}
