import type { Tried } from '../../ops/controls/endpoint.ts';
import type { EndpointEntry, EndpointInFull } from '../../ops/inspect/endpoints.ts';
import { counted } from '../../ops/wording.ts';
import { duration, styled, type Terminal } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { oneLine } from '../terminal/visible.ts';

/** Endpoints as a table. */
export function tableOf(terminal: Terminal, endpoints: EndpointEntry[]): string {
  const rows = endpoints.map((one) => [
    stateOf(terminal, one),
    one.url,
    one.workspace_name,
    whyOf(one),
    limitsOf(one),
    one.id,
  ]);
  return table(terminal, ['state', 'url', 'workspace', 'why', 'limit', 'id'], rows);
}

const colours = { active: 'green', failing: 'red', disabled: 'yellow' } as const;
const stateOf = (terminal: Terminal, { state, resting_until }: EndpointEntry): string =>
  isAhead(resting_until) && state === 'active'
    ? styled(terminal, 'yellow', 'resting')
    : styled(terminal, colours[state], state);

const isAhead = (moment: string | null): moment is string =>
  moment !== null && Date.parse(moment) > Date.now();

/** Why nothing, or little, is sent to it; null if all is well. */
function whyOf({
  disabled,
  failing_since,
  failing_cause,
  failures,
  resting_until,
}: EndpointEntry): string | null {
  const by = { endpoint: 'its own answer', owner: 'its owner', operator: 'an operator' };
  if (disabled) return `by ${by[disabled.by]}: ${disabled.reason}`;
  const cause = failing_cause ?? 'no answer';
  if (failing_since) return `${cause}, ${counted(failures, 'failure')} in a row`;
  return isAhead(resting_until) ? `${cause}, until ${resting_until}` : null;
}

/** Null if it has no limit. */
export function limitsOf({ max_per_second, max_concurrency }: EndpointEntry): string | null {
  const limits = [
    max_per_second !== null && `${max_per_second}/s`,
    max_concurrency !== null && `${max_concurrency} at once`,
  ];
  return limits.filter(Boolean).join(', ') || null;
}

const ago = (moment: string) => duration(Math.max(0, Date.now() - Date.parse(moment)));

/** All there is to say about one endpoint. */
export function describe(terminal: Terminal, one: EndpointInFull): string {
  const since = one.disabled?.at ?? one.failing_since;
  const { waiting, given_up, answers } = one;
  const oldest = waiting.oldest_at ? `, the oldest for ${ago(waiting.oldest_at)}` : '';
  const lines: [string, string | null][] = [
    ['id', one.id],
    ['workspace', `${one.workspace_name} (${one.workspace_id})`],
    ['says of itself', one.description],
    ['gets', one.event_types.join(' ')],
    ['state', `${stateOf(terminal, one)}${since ? ` since ${since} (${ago(since)})` : ''}`],
    ['why', whyOf(one)],
    ['next try', one.state === 'failing' ? (one.next_try_at ?? 'now') : null],
    ['rests until', isAhead(one.resting_until) ? one.resting_until : null],
    ['limit', limitsOf(one) ?? 'none'],
    ['waiting', `${counted(waiting.count, 'event')}${oldest}`],
    ['given up', counted(given_up, 'event')],
  ];
  const known = lines.flatMap(([name, value]) =>
    value ? [`${name.padEnd(16)}${oneLine(value)}`] : [],
  );
  const rows = answers.map((a) => [
    a.attempted_at,
    a.delivery_id,
    a.event_type,
    a.status,
    duration(a.latency_ms),
    a.error ?? 'taken',
    a.response_excerpt?.slice(0, 40).replaceAll(/\s+/g, ' '),
  ]);
  const lately =
    rows.length === 0
      ? 'It has answered nothing yet.'
      : table(terminal, ['answered', 'delivery', 'event', 'status', 'after', 'so', 'text'], rows);
  return [styled(terminal, 'bold', oneLine(one.url)), ...known, '', lately].join('\n');
}

/** What came of trying it. */
export function resultOf({
  tried,
  delivered,
  answer,
  endpoint: { url, waiting, id },
}: Tried & { endpoint: EndpointInFull }): string {
  if (!answer) return `${url} rests no more. Nothing waits for it: the next event is sent at once.`;
  const left =
    waiting.count === 0
      ? 'nothing waits any more.'
      : `${counted(waiting.count, 'event')} still to come, by themselves.`;
  if (answer.error)
    return (
      `${url} does not take it: ${oneLine(answer.error)}. ${delivered} of ${tried} delivered; ${left} ` +
      `\`knockon endpoints show ${id}\``
    );
  return `${url} works: ${counted(delivered, 'event')} delivered; ${left}`;
}
