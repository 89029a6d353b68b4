import { useState } from 'preact/hooks';
import type { HttpState } from '../../ops/status/http-state.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { call, reasonOf } from '../calls.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Choice, Field, written } from '../parts/fields.tsx';
import { When } from '../parts/text.tsx';
import { tell } from '../parts/toast.tsx';
import { mayAct } from '../session.ts';
import { LimitFields, limitsIn } from './limit-fields.tsx';

const pathOf = (name: string) => `/v1/ops/subscribers/${encodeURIComponent(name)}`;

/** Subscribes an HTTP service; a viewer sees none of it. */
export function SubscribeButton({ onChange }: { onChange: () => void }) {
  const [asks, setAsks] = useState(false);
  if (!mayAct.value) return null;
  return (
    <p>
      <button type="button" onClick={() => setAsks(true)}>
        Subscribe an HTTP service
      </button>
      {asks && <SubscribeDialog onClose={() => setAsks(false)} onChange={onChange} />}
    </p>
  );
}

interface SubscribeProps {
  /** The one to change; none: a new one. */
  of?: SubscriberStatus;
  onClose: () => void;
  onChange: () => void;
}

function SubscribeDialog({ of, onClose, onChange }: SubscribeProps) {
  const [secret, setSecret] = useState<string | null>(null);
  const submit = async (form: FormData) => {
    const name = of?.name ?? written(form, 'name') ?? '';
    const made = await call<{ secret?: string }>(pathOf(name), {
      method: 'PUT',
      body: bodyOf(form, of),
    });
    onChange();
    if (made.secret === undefined) {
      tell(`${name} is changed.`);
      onClose();
    } else setSecret(made.secret);
  };
  if (secret !== null) return <SecretDialog secret={secret} onClose={onClose} />;
  return (
    <Dialog
      title={of ? `Change ${of.name}` : 'Subscribe an HTTP service'}
      action={of ? 'Change' : 'Subscribe'}
      stays
      onSubmit={submit}
      onClose={onClose}
    >
      {!of && (
        <Field label="Name" name="name" required hint="Lower case, digits, _ and -. It stays." />
      )}
      <Field label="URL" name="url" required value={of?.http?.url} />
      <Field
        label="Event types"
        name="event_types"
        required
        value={of?.event_types.join(', ')}
        hint="With commas between; invoice.* for all of one aggregate, or * for all."
      />
      <Options of={of?.http ?? null} />
      <LimitFields of={of} perWorkspace />
    </Dialog>
  );
}

function Options({ of }: { of: HttpState | null }) {
  return (
    <>
      <Choice
        label="Order"
        name="ordering"
        options={[
          ['none', 'side by side'],
          ['key', 'events of a key one after another'],
          ['exclusive', 'one request at a time for a workspace'],
        ]}
        value={of?.ordering ?? 'none'}
      />
      <Field
        label="Most events a request"
        name="batch"
        type="number"
        min="1"
        max="1000"
        value={String(of?.batch ?? 100)}
      />
      <Field label="Longest time of a request" name="timeout" value={of?.timeout ?? '30s'} />
      <Field
        label="Tries of an event"
        name="attempts"
        type="number"
        min="0"
        max="1000"
        value={String(of?.attempts ?? 20)}
        hint="0: unlimited."
      />
    </>
  );
}

/** What the dialog does not ask for stays as it is. */
function bodyOf(form: FormData, of: SubscriberStatus | undefined) {
  const number = (name: string) => Number(written(form, name));
  return {
    url: written(form, 'url') ?? '',
    event_types: (written(form, 'event_types') ?? '').split(/[\s,]+/).filter(Boolean),
    description: of?.description ?? '',
    ordering: written(form, 'ordering'),
    batch: number('batch'),
    timeout: written(form, 'timeout'),
    attempts: number('attempts'),
    debounce: of?.http?.debounce ?? null,
    ...limitsIn(form),
  };
}

function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog
      title="Its secret"
      action="I have kept it"
      isNotice
      onSubmit={() => Promise.resolve()}
      onClose={onClose}
    >
      <p>
        Requests are signed with it, as Standard Webhooks say. It is shown this once:{' '}
        <code>{secret}</code>
      </p>
    </Dialog>
  );
}

interface Tried {
  status: number | null;
  latency_ms: number;
  error: string | null;
  response_excerpt: string | null;
}

/** How an HTTP subscriber is called, and what an operator may do to it. */
export function HttpFacts({ of, onChange }: { of: SubscriberStatus; onChange: () => void }) {
  const [asks, setAsks] = useState<'change' | 'secret' | null>(null);
  const [secret, setSecret] = useState('');
  const [tried, setTried] = useState<Tried | null>(null);
  const act = async <T,>(verb: string, then: (answer: T) => void) => {
    await call<T>(`${pathOf(of.name)}/${verb}`, { method: 'POST' }).then(then, (error: unknown) =>
      tell(`${of.name}: ${reasonOf(error)}`, 'bad'),
    );
    onChange();
  };
  const rotate = () =>
    act<{ secret: string }>('rotate_secret', (made) => {
      setSecret(made.secret);
      setAsks('secret');
    });
  if (!of.http) return null;
  return (
    <>
      <h2>Service</h2>
      <Called by={of.http} />
      {mayAct.value && (
        <div class="actions">
          <button type="button" onClick={() => void act<Tried>('try', setTried)}>
            Try it
          </button>
          <button type="button" onClick={() => setAsks('change')}>
            Change
          </button>
          <button type="button" onClick={() => void rotate()}>
            Replace its secret
          </button>
        </div>
      )}
      {tried && <Answer of={tried} />}
      {asks === 'change' && (
        <SubscribeDialog of={of} onClose={() => setAsks(null)} onChange={onChange} />
      )}
      {asks === 'secret' && <SecretDialog secret={secret} onClose={() => setAsks(null)} />}
    </>
  );
}

function Called({ by }: { by: HttpState }) {
  return (
    <dl class="facts">
      <dt>URL</dt>
      <dd>
        <code>{by.url}</code>
      </dd>
      <dt>Requests</dt>
      <dd>
        up to {by.batch} events, {by.timeout} at most; ordering: {by.ordering}
        {by.debounce && `; of a key the last event in ${by.debounce.wait}, or ${by.debounce.most}`}
      </dd>
      {by.failing_since && (
        <>
          <dt>Failing</dt>
          <dd>
            since <When at={by.failing_since} />: {by.failing_cause}
            {by.next_try_at && (
              <>
                ; tried again <When at={by.next_try_at} />
              </>
            )}
          </dd>
        </>
      )}
    </dl>
  );
}

function Answer({ of: { status, latency_ms, error, response_excerpt } }: { of: Tried }) {
  return (
    <p role="status" class={error === null ? '' : 'bad'}>
      {status === null ? 'It did not answer' : `It answered ${status}`} in {latency_ms} ms
      {error === null ? '.' : `: ${error}`}
      {response_excerpt && (
        <small>
          <code>{response_excerpt}</code>
        </small>
      )}
    </p>
  );
}
