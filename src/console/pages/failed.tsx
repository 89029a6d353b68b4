import { useState } from 'preact/hooks';
import type { Cause } from '../../ops/inspect/dead-letters.ts';
import { count, counted } from '../format.ts';
import { query, to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { When } from '../parts/text.tsx';
import { useResource } from '../resource.ts';
import { type Ask, DeadLetterActions, SettleDialog, type Settling } from './dead-letter-dialog.tsx';
import { Letters } from './dead-letters.tsx';

/** What was given up, grouped by who gave it up and why; then the letters of one cause. */
export function FailedPage() {
  const subscriber = query.value.get('subscriber') ?? undefined;
  const cause = query.value.get('cause') ?? undefined;
  return cause === undefined ? (
    <Causes subscriber={subscriber} />
  ) : (
    <Letters subscriber={subscriber} cause={cause} />
  );
}

function Causes({ subscriber }: { subscriber: string | undefined }) {
  const [settling, setSettling] = useState<Settling | null>(null);
  const filter: Record<string, string> = subscriber === undefined ? {} : { subscriber };
  const causes = useResource<{ data: Cause[] }>(
    `/v1/ops/dead_letters/causes?${new URLSearchParams(filter)}`,
    4000,
  );
  const total = (causes.data?.data ?? []).reduce((n, { count }) => n + count, 0);
  return (
    <>
      <div class="head">
        <h1>{subscriber === undefined ? 'Failed' : `Failed: ${subscriber}`}</h1>
        {total > 0 && (
          <DeadLetterActions
            of={{ filter }}
            what={counted(total, 'dead letter')}
            ask={setSettling}
            label="all"
          />
        )}
      </div>
      <p class="muted">
        Effects that won’t happen by themselves. Trying them again does nothing twice.{' '}
        {subscriber !== undefined && <a href={to('/failed')}>Show those of all subscribers</a>}
      </p>
      <Loaded of={causes}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="Nothing has been given up">
              Whatever fails from now on is listed here once its tries are used up.
            </Empty>
          ) : (
            <CauseTable causes={data} ask={setSettling} />
          )
        }
      </Loaded>
      {settling && (
        <SettleDialog
          {...settling}
          onClose={() => setSettling(null)}
          onDone={() => void causes.reload()}
        />
      )}
    </>
  );
}

function CauseTable({ causes, ask }: { causes: Cause[]; ask: Ask }) {
  return (
    <List
      heads={['Cause', 'Subscriber', ['Letters', 'number'], 'First', 'Last', ['Actions', 'unseen']]}
    >
      {causes.map((one) => (
        <tr key={`${one.subscriber} ${one.cause}`} data-cause={one.cause}>
          <th scope="row">
            <a href={to('/failed', { subscriber: one.subscriber, cause: one.cause })}>
              {one.cause}
            </a>
            <small>{one.example.reason}</small>
          </th>
          <td data-label="Subscriber">
            <a href={to(`/subscribers/${encodeURIComponent(one.subscriber)}`)}>{one.subscriber}</a>
          </td>
          <td data-label="Letters" class="number">
            {count(one.count)}
          </td>
          <td data-label="First">
            <When at={one.first} />
          </td>
          <td data-label="Last">
            <When at={one.last} />
          </td>
          <td class="last">
            <DeadLetterActions
              of={{ filter: { subscriber: one.subscriber, cause: one.cause } }}
              what={`${counted(one.count, 'dead letter')} of ${one.subscriber} (${one.cause})`}
              ask={ask}
              label={`${one.subscriber}: ${one.cause}`}
            />
          </td>
        </tr>
      ))}
    </List>
  );
}
