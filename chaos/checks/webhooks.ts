import { type Check, idsOf } from './check.ts';

/** What customers' endpoints have got, against what they want. */
export const webhooks: Check = {
  promise:
    'every endpoint took every event it wants at least once, signed, and none that is unknown',
  async look({ pg, receiver }) {
    const wrong = [...receiver.wrong];
    let examined = 0;
    for (const { url, workspaceId, types, events } of receiver.hooks) {
      const rows = await pg<{ id: string; type: string }[]>`
        select id, type from knockon.events where workspace_id = ${workspaceId} and (type = any(${types}) or ${types.includes('*')})`;
      examined += rows.length;
      const wanted = new Map(rows.map(({ id, type }) => [id, type]));
      for (const [id, type] of wanted) {
        const event = events.get(id);
        if (!event?.taken)
          wrong.push(
            `${url} never took ${type} ${id}${event ? `, which came ${event.cameAt.length} times` : ''}`,
          );
        else if (event.type !== type) wrong.push(`${url} got ${type} ${id} as ${event.type}`);
      }
      for (const id of events.keys())
        if (!wanted.has(id)) wrong.push(`${url} got an event ${id} that nobody has emitted`);
    }
    return { examined, wrong };
  },
};

/** Our side of it says the same. */
export const deliveries: Check = {
  promise: 'every delivery is delivered, one an event and endpoint',
  async look({ pg, receiver, workspaces }) {
    const rows = await pg<{ state: string; count: number }[]>`
      select state, count(*)::int from knockon.deliveries where workspace_id = any(${idsOf(workspaces)}) group by state`;
    const sum = (wanted: (state: string) => boolean) =>
      rows.filter(({ state }) => wanted(state)).reduce((n, { count }) => n + count, 0);
    const taken = receiver.hooks.reduce((n, { events }) => n + events.size, 0);
    const open = sum((state) => state !== 'delivered');
    const wrong = open > 0 ? [`${open} deliveries are not delivered`] : [];
    if (sum(() => true) !== taken)
      wrong.push(`there are ${sum(() => true)} deliveries, and endpoints have got ${taken} events`);
    return { examined: taken, wrong };
  },
};
