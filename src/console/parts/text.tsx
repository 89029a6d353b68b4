import { ago, moment, short } from '../format.ts';
import { session } from '../session.ts';

/** A moment, told by how long ago it was; the whole of it on hovering. */
export function When({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(at)}
    </time>
  );
}

/** A name that a person chose, in any script: what it says turns nothing around it round. */
export function Name({ of }: { of: string }) {
  return <bdi>{of}</bdi>;
}

type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'info';

const tones: Record<string, Tone> = {
  active: 'good',
  done: 'good',
  delivered: 'good',
  running: 'info',
  limited: 'info',
  waiting: 'info',
  scheduled: 'info',
  open: 'info',
  retrying: 'info',
  pending: 'plain',
  cancelled: 'plain',
  paused: 'warn',
  disabled: 'warn',
  degraded: 'warn',
  discarded: 'plain',
  'no workers': 'bad',
  missed: 'warn',
  failing: 'bad',
  failed: 'bad',
};

/** A state in a word; colour is never all that tells it. */
export function State({ is, tone }: { is: string; tone?: Tone }) {
  return <span class={`state ${tone ?? tones[is] ?? 'plain'}`}>{is}</span>;
}

/** An id, short and on one line; the whole of it on hovering. */
export function Id({ of, href }: { of: string; href?: string }) {
  const shown = (
    <code class="id" title={of}>
      {short(of)}
    </code>
  );
  return href ? (
    <a href={href} aria-label={of}>
      {shown}
    </a>
  ) : (
    shown
  );
}

/** Into the Temporal UI, where there is one. */
export function Workflow({
  of,
  label = 'Temporal',
}: {
  of: { url: string | null } | null;
  label?: string;
}) {
  return of?.url ? (
    <a class="outside" href={of.url} target="_blank" rel="noreferrer">
      {label}
    </a>
  ) : null;
}

/** A subscriber's queue in the Temporal UI. */
export function TaskQueue({ name }: { name: string }) {
  const ui = session.value?.temporal_ui;
  return ui ? (
    <a
      class="outside"
      href={`${ui}/task-queues/${encodeURIComponent(name)}`}
      target="_blank"
      rel="noreferrer"
    >
      {name}
    </a>
  ) : (
    <code>{name}</code>
  );
}

/** What a highlight escapes. */
const signs: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

const plain = (html: string) => html.replace(/&(?:amp|lt|gt|quot|#39);/g, (one) => signs[one]!);

/**
 * The highlight of a search, as elements. It is never put into the page as HTML: whatever a message
 * says is text here.
 */
export function Marked({ html }: { html: string }) {
  // Each second part was between <mark> and </mark>: in a text itself these are escaped.
  const parts = html.split(/<\/?mark>/);
  return (
    <p class="said" dir="auto">
      {parts.map((part, i) => (i % 2 === 1 ? <mark key={i}>{plain(part)}</mark> : plain(part)))}
    </p>
  );
}
