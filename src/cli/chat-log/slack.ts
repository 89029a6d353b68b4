import { createMoments, type Fields, isObject, type RecordReader } from './json.ts';
import { type Parsed, type SystemKind, toMessage } from './message.ts';

/** Names by the ids of Slack's users and channels. */
export type Users = Map<string, string>;

/** A message of Slack's export is known by its `ts`. */
export const isSlack = (record: Fields): boolean =>
  typeof record.ts === 'string' && /^\d{9,10}\.\d{6}$/.test(record.ts);

const SYSTEM: Record<string, SystemKind> = {
  channel_join: 'join',
  group_join: 'join',
  channel_leave: 'part',
  group_leave: 'part',
  channel_name: 'rename',
  group_name: 'rename',
  channel_topic: 'topic',
  channel_purpose: 'topic',
  group_topic: 'topic',
  group_purpose: 'topic',
  channel_archive: 'other',
  channel_unarchive: 'other',
  group_archive: 'other',
  group_unarchive: 'other',
  channel_convert_to_private: 'other',
  channel_posting_permissions: 'other',
  bot_add: 'other',
  bot_remove: 'other',
  bot_enable: 'other',
  bot_disable: 'other',
  pinned_item: 'other',
  reminder_add: 'other',
  message_replied: 'other',
};

/**
 * Slack's export: a list of messages a day, or one a line. Names come from `users.json`, else from
 * the message. Ids in the text become names, and what Slack escapes is as people wrote it. A reply
 * has the `thread_ts` of its thread in its metadata.
 */
export function slackReader(users: Users): RecordReader {
  const momentOf = createMoments();
  return (given) => {
    const subtype = String(given.subtype ?? '');
    const record = subtype === 'message_changed' && isObject(given.message) ? given.message : given;
    const kind = SYSTEM[subtype];
    if (kind) return [{ skip: 'system', system: kind }];
    if (subtype === 'message_deleted' || subtype === 'tombstone') return [{ skip: 'deleted' }];
    if (!isSlack(record)) return [{ skip: 'no_message' }];
    const at = momentOf(record.ts);
    return [at ? toSaid(record, at, users) : { skip: 'bad_time' }];
  };
}

function toSaid(record: Fields, at: { sent_at?: string; place?: string }, users: Users): Parsed {
  const { ts, thread_ts, edited } = record;
  const isAction = record.subtype === 'me_message';
  const metadata = {
    ...(isAction && { action: true }),
    slack: {
      ts,
      ...(typeof thread_ts === 'string' && thread_ts !== ts && { thread_ts }),
      ...(isObject(edited) && typeof edited.ts === 'string' && { edited_ts: edited.ts }),
    },
  };
  const { sent_at, place } = at;
  const text = textOf(record, users);
  const author = authorOf(record, users);
  return toMessage({ author, text, sent_at, place, metadata, voice: isAction ? 'action' : 'said' });
}

function authorOf(record: Fields, users: Users): string {
  const comment = isObject(record.comment) ? string(record.comment.user) : '';
  const user = string(record.user) || comment;
  const profile = isObject(record.user_profile) ? nameIn(record.user_profile) : '';
  const bot = isObject(record.bot_profile) ? string(record.bot_profile.name) : '';
  return (
    users.get(user) || profile || string(record.username) || bot || user || string(record.bot_id)
  );
}

/** The text, else what stands in its place; and the names of its files. */
function textOf(record: Fields, users: Users): string {
  const attached = list(record.attachments)
    .filter((one) => !isUnfurled(one))
    .map(textOfAttachment);
  const files = [...list([record.file]), ...list(record.files)].map(
    (file) => `[file: ${string(file.name) || string(file.title) || string(file.id)}]`,
  );
  const comment = isObject(record.comment) ? string(record.comment.comment) : '';
  const said = comment || string(record.text) || textOfBlocks(list(record.blocks));
  const texts = [said, ...attached].map((text) => resolved(text, users));
  return [...texts, ...files].filter(Boolean).join('\n');
}

/** What Slack shows of a link that was posted is nobody's words. */
const isUnfurled = ({ from_url, original_url, is_msg_unfurl }: Fields): boolean =>
  string(from_url) !== '' || string(original_url) !== '' || is_msg_unfurl === true;

function textOfAttachment(attachment: Fields): string {
  const fields = list(attachment.fields).map(({ title, value }) =>
    [string(title), string(value)].filter(Boolean).join(': '),
  );
  const parts = [
    ...[attachment.pretext, attachment.title, attachment.text].map(string),
    ...[textOfBlocks(list(attachment.blocks)), ...fields],
  ].filter(Boolean);
  return parts.join('\n') || string(attachment.fallback);
}

/** How deep blocks are read: a list within a list within a block. */
const DEEPEST = 10;

/** What blocks say, as `text` would have it. */
function textOfBlocks(blocks: Fields[], depth = 0): string {
  if (depth === DEEPEST) return '';
  return blocks.map((block) => textOfBlock(block, depth)).join(depth === 0 ? '\n' : '');
}

function textOfBlock(block: Fields, depth: number): string {
  const { type, url, name, user_id, channel_id, range, text } = block;
  if (type === 'user') return `<@${string(user_id)}>`;
  if (type === 'channel') return `<#${string(channel_id)}>`;
  if (type === 'broadcast') return `<!${string(range)}>`;
  if (type === 'emoji') return `:${string(name)}:`;
  if (type === 'link') return `<${escaped(string(url))}|${escaped(string(text) || string(url))}>`;
  const own = isObject(text) ? string(text.text) : escaped(string(text));
  const fields = list(block.fields).map((field) => string(field.text));
  return [own || textOfBlocks(list(block.elements), depth + 1), ...fields]
    .filter(Boolean)
    .join('\n');
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const ESCAPED = /<([@#!]?)([^<>|]{1,4096})(?:\|([^<>]{0,4096}))?>|&(lt|gt|amp);/g;

const SIGNS: Record<string, string> = { lt: '<', gt: '>', amp: '&' };

/**
 * What `<@U2|bob>`, `<#C1|general>`, `<!here>`, `<https://example.com|here>` and `&lt;` stand for.
 */
export function resolved(text: string, users: Users): string {
  return text.replace(ESCAPED, (_whole, kind, target: string, given: string | undefined, sign) => {
    if (sign) return SIGNS[sign] ?? '';
    const label = given && unescaped(given);
    if (kind === '@') return `@${users.get(target) ?? label ?? target}`;
    if (kind === '#') return `#${label || users.get(target) || target}`;
    if (kind === '!')
      return label ? label.replace(/^@?/, target.startsWith('date') ? '' : '@') : `@${target}`;
    const link = unescaped(target);
    const plain = link.replace(/^(mailto|tel):/, '');
    return !label || label === link || label === plain ? plain : `${label} (${link})`;
  });
}

const unescaped = (text: string) =>
  text.replace(/&(lt|gt|amp);/g, (_whole, sign: string) => SIGNS[sign] ?? '');

/**
 * The names in `users.json`: the handle, by which people are mentioned, else the name shown.
 *
 * @throws Error where it is no list, nor the API's answer with a list at `members`
 */
export function readUsers(text: string): Users {
  const parsed: unknown = JSON.parse(text);
  const members = isObject(parsed) ? parsed.members : parsed;
  if (!Array.isArray(members))
    throw new Error('it must be a list of users, or have one at members');
  const users = list(members).map((user) => [string(user.id), nameIn(user)] as const);
  return new Map(users.filter(([id, name]) => id && name));
}

function nameIn(user: Fields): string {
  const profile = isObject(user.profile) ? user.profile : {};
  return (
    string(user.name) ||
    string(profile.display_name) ||
    string(user.display_name) ||
    string(user.real_name) ||
    string(profile.real_name)
  );
}

const string = (value: unknown): string => (typeof value === 'string' ? value : '');

const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isObject) : []);
