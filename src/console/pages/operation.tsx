import type { OperationView } from '../../ops/operations/operations.ts';
import { counted, rate } from '../format.ts';
import { to } from '../location.ts';
import { List } from '../parts/list.tsx';
import { Loaded } from '../parts/states.tsx';
import { Id, State, When, Workflow } from '../parts/text.tsx';
import { useResource } from '../resource.ts';
import { aboutOperation, OperationActions, Progress } from './operation-parts.tsx';

/** One operation: what was asked, how far it is, and what of it failed. */
export function OperationPage({ of: id }: { of: string }) {
  const operation = useResource<OperationView>(
    `/v1/ops/operations/${encodeURIComponent(id)}`,
    1500,
  );
  return (
    <>
      <p class="crumbs">
        <a href={to('/jobs')}>Operations</a>
      </p>
      <h1>{operation.data ? `The ${operation.data.verb}` : 'Operation'}</h1>
      <Loaded of={operation}>
        {(of) => (
          <>
            <OperationActions of={of} onChange={() => void operation.reload()} />
            <Facts of={of} />
            {of.failures.length > 0 && <Failures of={of} />}
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ of }: { of: OperationView }) {
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <State is={of.state} />
        {of.error && <small class="bad">{of.error}</small>}
      </dd>
      <dt>Progress</dt>
      <dd>
        <Progress of={of} />
      </dd>
      <dt>What</dt>
      <dd>
        {aboutOperation(of)}
        {of.per_second !== null && `; at most ${rate(of.per_second)} effects a second`}
      </dd>
      <dt>Begun</dt>
      <dd>
        <When at={of.created_at} /> by {of.by}
        {of.finished_at && (
          <>
            , ended <When at={of.finished_at} />
          </>
        )}
      </dd>
      {of.workflow?.url && (
        <>
          <dt>Workflow</dt>
          <dd>
            <Workflow of={of.workflow} label="Open in Temporal" />
          </dd>
        </>
      )}
    </dl>
  );
}

function Failures({ of: { failures, failed } }: { of: OperationView }) {
  return (
    <>
      <h2>
        {failed > failures.length
          ? `The first ${failures.length} of ${failed} that failed`
          : `${counted(failed, 'failure')}`}
      </h2>
      <List heads={['What', 'Why']}>
        {failures.map(({ subject, reason }, i) => (
          <tr key={i}>
            <th scope="row">
              <Id of={subject} href={to(`/journey/${encodeURIComponent(subject)}`)} />
            </th>
            <td data-label="Why">{reason}</td>
          </tr>
        ))}
      </List>
    </>
  );
}
