import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { foldedName } from '../../db/schema/columns.ts';
import { findMentions, type Mention, type Mentions } from '../../text/mentions/mentions.ts';
import type { Opening } from '../../text/mentions/openings.ts';
import { createPauses } from '../../yield-to-others.ts';

/** A message, as far as its mentions need it. */
export interface Text {
  id: string;
  workspace_id: string;
  channel_id: string;
  seq: number;
  author: string;
  text: string;
}

/** A person to notify. */
export interface Mentioned {
  message: Text;
  recipient: string;
}

/** Names in one query. A text may have 50 mentions of 128 readings each, and a call 2,000 texts. */
const NAMES_AT_ONCE = 5000;

/** A name that a message may mean. */
interface Asked {
  message: Text;
  name: string;
}

/**
 * Finds the people whom messages mention. Known are the workspace's members and everybody who has
 * written in the channel before. The longest name of somebody counts, in its exact spelling before
 * any other case. An unknown `@name` is taken as written. Authors do not notify themselves.
 */
export async function findRecipients(
  db: Database['db'] | Transaction,
  texts: Text[],
): Promise<Mentioned[]> {
  const read: { message: Text; mentions: Mentions }[] = [];
  const pause = createPauses();
  for (const message of texts) {
    read.push({ message, mentions: findMentions(message.text) });
    await pause();
  }
  const known = await spellings(
    db,
    read.flatMap(({ message, mentions }) =>
      Array.from(namesIn(mentions), (name) => ({ message, name })),
    ),
  );
  return read.flatMap(({ message, mentions }) => {
    const find = (name: string) => known.get(`${message.id} ${name}`);
    const people = new Set([
      ...addressed(mentions.openings, find),
      ...named(mentions.mentions, find),
    ]);
    people.delete(message.author);
    return Array.from(people, (recipient) => ({ message, recipient }));
  });
}

/** Each once: fifty mentions of a text may share all that they can be read as. */
const namesIn = ({ openings, mentions }: Mentions): Set<string> =>
  new Set([
    ...openings.flatMap(({ readings, joined }) => [...readings, ...joined.flat()]),
    ...mentions.flatMap(({ readings }) => readings.map(({ name }) => name)),
  ]);

type Find = (name: string) => string | undefined;

const firstOf = (names: string[], find: Find) =>
  names.map(find).find((person) => person !== undefined);

/** Whom the start addresses: one after the other, up to the first name that is nobody's. */
function addressed(openings: Opening[], find: Find): string[] {
  const people: string[] = [];
  for (const { readings, joined } of openings) {
    const whole = firstOf(readings, find);
    const each = whole === undefined ? joined.map((names) => firstOf(names, find)) : [whole];
    if (each.length === 0 || each.includes(undefined)) break;
    people.push(...each.filter((person) => person !== undefined));
  }
  return people;
}

/** Whom each @ means. What a name covers is no mention of its own: of `@a@b`, if that is a name. */
function named(mentions: Mention[], find: Find): string[] {
  const people: string[] = [];
  let covered = 0;
  for (const { at, readings, fallback } of mentions) {
    if (at < covered) continue;
    const reading = readings.find(({ name }) => find(name) !== undefined);
    const person = reading ? find(reading.name) : (fallback ?? undefined);
    if (reading) covered = reading.end;
    if (person !== undefined) people.push(person);
  }
  return people;
}

/** How known people spell these names, by message and name. */
async function spellings(
  db: Database['db'] | Transaction,
  asked: Asked[],
): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (let i = 0; i < asked.length; i += NAMES_AT_ONCE)
    for (const { id, name, spelling } of await lookUp(db, asked.slice(i, i + NAMES_AT_ONCE)))
      known.set(`${id} ${name}`, spelling);
  return known;
}

/** The author counts as known, so that authors do not notify themselves in another case. */
async function lookUp(db: Database['db'] | Transaction, asked: Asked[]) {
  const messages = [...new Set(asked.map(({ message }) => message))];
  const places = new Map(messages.map((message, i) => [message, i + 1]));
  const column = (pick: (message: Text) => string | number) => sql.param(messages.map(pick));
  return await db.execute<{ id: string; name: string; spelling: string }>(sql`
    with messages as (
      select * from unnest(
        ${column((m) => m.id)}::uuid[], ${column((m) => m.workspace_id)}::uuid[],
        ${column((m) => m.channel_id)}::uuid[], ${column((m) => m.seq)}::bigint[],
        ${column((m) => m.author)}::text[]
      ) with ordinality as t (id, workspace_id, channel_id, seq, author, place)
    ), asked as (
      select m.*, t.name, ${foldedName(sql`t.name`)} as folded from unnest(
        ${sql.param(asked.map(({ message }) => places.get(message)!))}::int[],
        ${sql.param(asked.map(({ name }) => name))}::text[]
      ) as t (place, name) join messages m using (place)
    ), known as (
      select a.id, a.name,
        a.name = a.author
          or exists (
            select from knockon.messages m where m.channel_id = a.channel_id
              and ${foldedName(sql`m.author`)} = a.folded and m.author = a.name and m.seq < a.seq
          ) as exact,
        case when a.folded = ${foldedName(sql`a.author`)} then a.author end as own,
        (select m.handle from knockon.members m
          where m.workspace_id = a.workspace_id and ${foldedName(sql`m.handle`)} = a.folded
          order by normalize(m.handle) = a.name desc, m.handle limit 1) as member,
        (select m.author from knockon.messages m
          where m.channel_id = a.channel_id and ${foldedName(sql`m.author`)} = a.folded and m.seq < a.seq
          order by m.seq limit 1) as author
      from asked a
    ), spelled as (
      select id, name, case
        when normalize(member) = name then member
        when exact then name
        else coalesce(own, member, author) end as spelling
      from known
    )
    select id, name, spelling from spelled where spelling is not null`);
}
