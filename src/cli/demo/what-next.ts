import type { ApiAddress } from '../api/find-api.ts';
import { styled, type Terminal } from '../terminal/output.ts';
import type { Arrival } from './watch.ts';

/** How fast it was, and what to look at now. */
export function whatNext(
  terminal: Terminal,
  { url, key, up }: ApiAddress,
  channel: { id: string; name: string },
  arrivals: Arrival[],
  messageId: string | undefined,
): string {
  const bearer = `-H 'authorization: Bearer ${key}'`;
  const last = median(
    arrivals.map(({ effects }) => Math.max(0, ...effects.map((effect) => effect.ms ?? 0))),
  );
  const answered = median(arrivals.map(({ answered_ms }) => answered_ms));
  const bold = (text: string) => styled(terminal, 'bold', text);
  return [
    `Half of the messages were answered within ${bold(`${answered} ms`)}, and their last effect ` +
      `had happened after ${bold(`${last} ms`)}.`,
    '',
    bold('Look at it from outside:'),
    ...(up?.console_url
      ? [
          `  the console           ${up.console_url}   sign in with the key that \`npm start\` ` +
            'shows',
        ]
      : []),
    ...(up?.temporal_ui_url ? [`  every workflow        ${up.temporal_ui_url}`] : []),
    ...(up?.mail_url ? [`  e-mail caught         ${up.mail_url}`] : []),
    `  the API               ${url}/docs`,
    `  full text             curl -s ${bearer} '${url}/v1/search?q=invoice'`,
    `  the channel's summary curl -s ${bearer} ${url}/v1/channels/${channel.id}/summary`,
    `  the audit chain       curl -s ${bearer} ${url}/v1/audit/verify`,
    `  grace's mentions      curl -s ${bearer} '${url}/v1/notifications?recipient=grace'`,
    ...(messageId ? [`  one journey again     npx knockon trace ${messageId}`] : []),
    '  a chat log of yours   npx knockon import FILE --channel NAME',
    '  nothing is missing    npx knockon verify',
  ].join('\n');
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
