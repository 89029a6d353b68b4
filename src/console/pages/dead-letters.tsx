import { useState } from 'preact/hooks';
import type { DeadLetter } from '../../ops/inspect/dead-letters.ts';
import { counted } from '../format.ts';
import { to } from '../location.ts';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Id, When, Workflow } from '../parts/text.tsx';
import { usePages } from '../resource.ts';
import { DeadLetterActions, SettleDialog, type Settling } from './dead-letter-dialog.tsx';

type Letter = Omit<DeadLetter, 'dispatch_id' | 'restarts'> & {
  workflow: { id: string; url: string | null } | null;
};

/** The dead letters of one cause, newest first. */
export function Letters({ subscriber, cause }: { subscriber: string | undefined; cause: string }) {
  const [settling, setSettling] = useState<Settling | null>(null);
  const filter = { ...(subscriber && { subscriber }), cause };
  const letters = usePages<Letter>(`/v1/ops/dead_letters?${new URLSearchParams(filter)}`, 4000);
  return (
    <>
      <p class="crumbs">
        <a href={to('/failed')}>Failed</a>
        {subscriber && (
          <>
            {' / '}
            <a href={to('/failed', { subscriber })}>{subscriber}</a>
          </>
        )}
      </p>
      <div class="head">
        <h1>{cause}</h1>
        {(letters.data?.length ?? 0) > 0 && (
          <DeadLetterActions
            of={{ filter }}
            what={`all dead letters of this cause (${cause})`}
            ask={setSettling}
            label="all"
          />
        )}
      </div>
      <Loaded of={letters}>
        {(data) =>
          data.length === 0 ? (
            <Empty title="None are left">
              They have been done, or discarded. <a href={to('/failed')}>Show other causes</a>
            </Empty>
          ) : (
            <Table letters={data} ask={setSettling} />
          )
        }
      </Loaded>
      <More more={letters.more} />
      {settling && (
        <SettleDialog
          {...settling}
          onClose={() => setSettling(null)}
          onDone={() => void letters.reload()}
        />
      )}
    </>
  );
}

function Table({ letters, ask }: { letters: Letter[]; ask: (settling: Settling) => void }) {
  return (
    <List
      heads={['Event', 'Why', ['Tries', 'number'], 'Given up', 'Workflow', ['Actions', 'unseen']]}
    >
      {letters.map((letter) => (
        <tr key={letter.id}>
          <th scope="row">
            <Id
              of={letter.message_id ?? letter.event_id}
              href={to(`/journey/${letter.message_id ?? letter.event_id}`)}
            />
            <small>{letter.type}</small>
          </th>
          <td data-label="Why">
            {letter.reason}
            {letter.target && (
              <small>
                {letter.subscriber === 'webhooks' ? (
                  <>
                    endpoint <Id of={letter.target} href={to(`/endpoints/${letter.target}`)} />
                  </>
                ) : (
                  <Id of={letter.target} />
                )}
              </small>
            )}
            {letter.retrying && <small>being tried again</small>}
          </td>
          <td data-label="Tries" class="number">
            {letter.attempts}
          </td>
          <td data-label="Given up">
            <When at={letter.created_at} />
          </td>
          <td data-label="Workflow">
            <Workflow of={letter.workflow} />
          </td>
          <td class="last">
            <DeadLetterActions
              of={{ ids: [letter.id] }}
              what={counted(1, 'dead letter')}
              ask={ask}
              label={letter.id}
            />
          </td>
        </tr>
      ))}
    </List>
  );
}
