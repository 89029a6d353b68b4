import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  label: string;
  name: string;
  hint?: string;
  type?: 'text' | 'password' | 'number' | 'datetime-local' | 'search';
  required?: boolean;
  value?: string;
  placeholder?: string;
  min?: string;
  max?: string;
  step?: string;
  maxLength?: number;
  list?: string[];
  autoFocus?: boolean;
  autoComplete?: string;
  dir?: 'auto';
}

/** A field with its label, and what it must be. */
export function Field({ label, hint, list, value, type = 'text', ...rest }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type={type as 'text'}
        defaultValue={value}
        aria-describedby={hint && `${id}-hint`}
        list={list && `${id}-list`}
        {...rest}
      />
      {hint && (
        <small id={`${id}-hint`} class="hint">
          {hint}
        </small>
      )}
      {list && (
        <datalist id={`${id}-list`}>
          {list.map((option) => (
            <option value={option} key={option} />
          ))}
        </datalist>
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  name: string;
  options: [value: string, label: string][];
  value?: string;
  onChange?: (value: string) => void;
}

export function Choice({ label, name, options, value, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name} onChange={(event) => onChange?.(event.currentTarget.value)}>
        {options.map(([key, text]) => (
          <option value={key} key={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

export function Check({
  label,
  name,
  children,
}: {
  label: string;
  name: string;
  children?: ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        name={name}
        aria-describedby={children ? `${id}-hint` : undefined}
      />
      <label for={id}>{label}</label>
      {children && (
        <small id={`${id}-hint`} class="hint">
          {children}
        </small>
      )}
    </div>
  );
}

/** What was written into a field; undefined where that is nothing. */
export function written(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** A moment that was written in this browser's own time. */
export function momentOf(form: FormData, name: string): string | undefined {
  const value = written(form, name);
  return value && new Date(value).toISOString();
}
