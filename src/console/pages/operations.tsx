import { useState } from 'preact/hooks';
import type { OperationView } from '../../ops/operations/operations.ts';
import { to } from '../location.ts';
import { List, More } from '../parts/list.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { State, When } from '../parts/text.tsx';
import { usePages } from '../resource.ts';
import { mayAct } from '../session.ts';
import { BackfillDialog, RebuildDialog } from './begin.tsx';
import { aboutOperation, OperationActions, Progress } from './operation-parts.tsx';
import { ReplayDialog } from './replay.tsx';

type Asks = 'replay' | 'backfill' | 'rebuild';

/**
 * Long work: replays, backfills, rebuilds, retries and resets, how far each is, and beginning one.
 */
export function OperationsPage() {
  const [asks, setAsks] = useState<Asks | null>(null);
  const operations = usePages<OperationView>('/v1/ops/operations', 1500);
  const shown = { onClose: () => setAsks(null), onDone: () => void operations.reload() };
  return (
    <>
      <div class="head">
        <h1>Operations</h1>
        {mayAct.value && (
          <div class="actions">
            <button type="button" onClick={() => setAsks('replay')}>
              Replay …
            </button>
            <button type="button" onClick={() => setAsks('backfill')}>
              Backfill …
            </button>
            <button type="button" onClick={() => setAsks('rebuild')}>
              Rebuild …
            </button>
          </div>
        )}
      </div>
      <Loaded of={operations}>
        {(data) =>
          data.length === 0 ? (
            <Empty title="No long work yet">
              Replays, backfills, rebuilds, retries and resets are listed here while they run and
              afterwards.
            </Empty>
          ) : (
            <Table operations={data} onChange={() => void operations.reload()} />
          )
        }
      </Loaded>
      <More more={operations.more} />
      {asks === 'replay' && <ReplayDialog {...shown} />}
      {asks === 'backfill' && <BackfillDialog {...shown} />}
      {asks === 'rebuild' && <RebuildDialog {...shown} />}
    </>
  );
}

function Table({ operations, onChange }: { operations: OperationView[]; onChange: () => void }) {
  return (
    <List heads={['Operation', 'State', ['Progress', 'wide'], 'Begun', ['Actions', 'unseen']]}>
      {operations.map((operation) => (
        <tr key={operation.id} data-operation={operation.id}>
          <th scope="row">
            <a href={to(`/jobs/${operation.id}`)} aria-label={`${operation.verb} ${operation.id}`}>
              {operation.verb}
            </a>
            <small>{aboutOperation(operation)}</small>
          </th>
          <td data-label="State">
            <State is={operation.state} />
          </td>
          <td data-label="Progress">
            <Progress of={operation} />
          </td>
          <td data-label="Begun">
            <When at={operation.created_at} />
            <small>by {operation.by}</small>
          </td>
          <td class="last">
            <OperationActions of={operation} onChange={onChange} />
          </td>
        </tr>
      ))}
    </List>
  );
}
