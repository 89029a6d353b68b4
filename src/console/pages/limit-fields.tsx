import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { Field, written } from '../parts/fields.tsx';

type Limits = Pick<SubscriberStatus, 'per_second' | 'per_workspace'>;

const shown = (value: number | null | undefined) => (value == null ? undefined : String(value));

interface LimitFieldsProps {
  /** What holds now; none: there is no limit yet. */
  of?: Limits;
  /** Whether it is asked for limits of each workspace too. */
  perWorkspace: boolean;
}

/** Asks for a subscriber's limits; `limitsIn` reads the answer. */
export function LimitFields({ of, perWorkspace }: LimitFieldsProps) {
  return (
    <>
      <Rate label="Events a second" name="per_second" value={of?.per_second} />
      {perWorkspace && (
        <>
          <Field
            label="Calls at once of one workspace"
            name="workspace_concurrency"
            type="number"
            min="1"
            max="1000"
            value={shown(of?.per_workspace.concurrency)}
            hint="Empty: no limit. One workspace that floods leaves room for the others."
          />
          <Rate
            label="Events of one workspace a second"
            name="workspace_per_second"
            value={of?.per_workspace.per_second}
          />
        </>
      )}
    </>
  );
}

function Rate({ label, name, value }: { label: string; name: string; value?: number | null }) {
  return (
    <Field
      label={label}
      name={name}
      type="number"
      min="0.001"
      max="1000000"
      step="any"
      value={shown(value)}
      hint="Empty: no limit."
    />
  );
}

/** The limits that a form has; null where one is empty. */
export function limitsIn(form: FormData) {
  const numberOf = (field: string) => {
    const text = written(form, field);
    return text === undefined ? null : Number(text);
  };
  return {
    per_second: numberOf('per_second'),
    per_workspace: {
      concurrency: numberOf('workspace_concurrency'),
      per_second: numberOf('workspace_per_second'),
    },
  };
}
