import { useState } from 'preact/hooks';
import type { OperationView } from '../../ops/operations/operations.ts';
import { to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { More } from '../parts/pager.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { State, When } from '../parts/text.tsx';
import { usePages } from '../resource.ts';
import { mayAct } from '../session.ts';
import { BackfillDialog, RebuildDialog } from './begin.tsx';
import { aboutJob, JobDeeds, Progress } from './operation-parts.tsx';
import { ReplayDialog } from './replay.tsx';

type Asks = 'replay' | 'backfill' | 'rebuild';

/** Long work: replays, backfills, rebuilds, retries and resets, how far each is, and beginning one. */
export function JobsPage() {
  const [asks, setAsks] = useState<Asks | null>(null);
  const jobs = usePages<OperationView>('/v1/ops/jobs', 1500);
  const shown = { onClose: () => setAsks(null), onDone: () => void jobs.reload() };
  return (
    <>
      <div class="head">
        <h1>Jobs</h1>
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
      <Loaded of={jobs}>
        {(data) =>
          data.length === 0 ? (
            <Empty title="No long work yet">
              Replays, backfills, rebuilds, retries and resets are listed here while they run and afterwards.
            </Empty>
          ) : (
            <Table jobs={data} onChange={() => void jobs.reload()} />
          )
        }
      </Loaded>
      <More more={jobs.more} />
      {asks === 'replay' && <ReplayDialog {...shown} />}
      {asks === 'backfill' && <BackfillDialog {...shown} />}
      {asks === 'rebuild' && <RebuildDialog {...shown} />}
    </>
  );
}

function Table({ jobs, onChange }: { jobs: OperationView[]; onChange: () => void }) {
  return (
    <List heads={['Job', 'State', ['Progress', 'wide'], 'Begun', ['Actions', 'unseen']]}>
      {jobs.map((job) => (
        <tr key={job.id} data-job={job.id}>
          <th scope="row">
            <a href={to(`/jobs/${job.id}`)} aria-label={`${job.verb} ${job.id}`}>
              {job.verb}
            </a>
            <small>{aboutJob(job)}</small>
          </th>
          <td data-label="State">
            <State is={job.state} />
          </td>
          <td data-label="Progress">
            <Progress of={job} />
          </td>
          <td data-label="Begun">
            <When at={job.created_at} />
            <small>by {job.by}</small>
          </td>
          <td class="last">
            <JobDeeds of={job} onChange={onChange} />
          </td>
        </tr>
      ))}
    </List>
  );
}
