import type { DomainEvent } from '../../events/index.ts';

/**
 * The order in which a group is recorded: by the events' ids, which is by their time, except that a
 * channel's events keep the order of its log. The same group always comes out the same.
 */
export function inOrder(events: DomainEvent[]): DomainEvent[] {
  const byId = [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
  const logs = new Map<string, DomainEvent[]>();
  for (const event of byId) {
    const log = logs.get(channelOf(event));
    if (log) log.push(event);
    else logs.set(channelOf(event), [event]);
  }
  const next = new Map(
    [...logs].map(([channel, log]) => [
      channel,
      log.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0)).values(),
    ]),
  );
  return byId.map((event) => next.get(channelOf(event))?.next().value ?? event);
}

const channelOf = (event: DomainEvent) => event.channel_id ?? event.id;
