import type { Diagnosis } from '../../ops/doctor/diagnose.ts';
import type { Finding } from '../../ops/doctor/finding.ts';
import type { Cause } from '../../ops/inspect/dead-letters.ts';
import { counted, percent } from '../format.ts';
import { samples } from '../live.ts';
import { to } from '../location.ts';
import { Loaded } from '../parts/states.tsx';
import { useResource } from '../resource.ts';

/**
 * What is wrong now, each with what to do about it; and what has been looked at where nothing is.
 */
export function Trouble() {
  const doctor = useResource<Diagnosis>('/v1/ops/doctor', 15_000);
  const causes = useResource<{ data: Cause[] }>('/v1/ops/dead_letters/causes', 15_000);
  return (
    <section class="trouble" aria-label="What is wrong">
      <Loaded of={doctor}>
        {(found) => <Findings of={found} causes={causes.data?.data ?? []} />}
      </Loaded>
    </section>
  );
}

/** From which part of its tries on a subscriber is failing, as the API's `health` has it. */
const FAILING = 0.5;

/** Subscribers that fail now: what the doctor finds are dead letters, which come later. */
function useFailing(): Finding[] {
  const newest = samples.value.at(-1)?.subscribers ?? [];
  return newest.flatMap(({ name, error_rate }) => {
    const detail = `${percent(error_rate)} of what ${name} tried in the last five minutes failed`;
    return error_rate >= FAILING
      ? [
          {
            check: 'failing',
            ok: false,
            detail,
            remedy: 'It tries again by itself; events say why it fails.',
          },
        ]
      : [];
  });
}

function Findings({ of: { findings }, causes }: { of: Diagnosis; causes: Cause[] }) {
  const wrong = [...findings.filter((finding) => !finding.ok), ...useFailing()];
  if (wrong.length === 0)
    return (
      <details class="well">
        <summary>
          <span class="state good">well</span> Everything is in order
        </summary>
        <ul>
          {findings.map((finding, i) => (
            <li key={i}>
              <b>{finding.check}</b> {finding.detail}
            </li>
          ))}
        </ul>
      </details>
    );
  return (
    <>
      <h2>{counted(wrong.length, 'thing')} to look at</h2>
      <ul class="findings">
        {wrong.map((finding, i) => (
          <li key={i}>
            <Wrong of={finding} causes={causes} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** A text whose `commands` are shown as such. */
function Commands({ in: text }: { in: string }) {
  return (
    <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>
  );
}

/** Where in the console one acts on a finding. */
const placeOf: Record<string, string> = {
  paused: '/subscribers',
  workers: '/subscribers',
  versions: '/subscribers',
  queues: '/subscribers',
  backlog: '/subscribers',
  failing: '/subscribers',
  'dead letters': '/failed',
};

function Wrong({ of: { check, detail, remedy }, causes }: { of: Finding; causes: Cause[] }) {
  const place = placeOf[check];
  return (
    <>
      <p>
        <span class="state bad">{check}</span> {detail}
      </p>
      {check === 'dead letters' && causes.length > 0 && (
        <ul class="causes">
          {causes.slice(0, 3).map(({ subscriber, cause, count }) => (
            <li key={`${subscriber} ${cause}`}>
              <a href={to('/failed', { subscriber, cause })}>
                {subscriber}: {cause}
              </a>{' '}
              × {count}
            </li>
          ))}
        </ul>
      )}
      {remedy && (
        <p class="muted">
          <Commands in={remedy} />
        </p>
      )}
      {place && <a href={to(place)}>Show it</a>}
    </>
  );
}
