import type { ComponentChildren } from 'preact';
import { go, path, to } from '../location.ts';

interface FiltersProps {
  children: ComponentChildren;
  names: string[];
  /** What the button says. */
  label?: string;
}

/**
 * Narrows a list down. What is asked for is kept in the address, so that it can be handed to
 * somebody else.
 */
export function Filters({ children, names, label = 'Show' }: FiltersProps) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    go(
      to(
        path.value,
        Object.fromEntries(names.map((name) => [name, String(form.get(name) ?? '').trim()])),
      ),
    );
  };
  return (
    <search>
      <form class="filters" onSubmit={(event) => submit(event as SubmitEvent)}>
        {children}
        <div class="buttons">
          <button type="submit">{label}</button>
          <a class="button" href={to(path.value)}>
            Clear
          </a>
        </div>
      </form>
    </search>
  );
}

/**
 * What of the address a call is asked with. A time of this browser's own is made one that everybody
 * means alike.
 */
export function asked(base: string, query: URLSearchParams, names: string[]): string {
  const given = names.flatMap((name) => {
    const value = query.get(name)?.trim();
    if (!value) return [];
    const isTime = name === 'from' || name === 'to';
    return [
      [name, isTime && !Number.isNaN(Date.parse(value)) ? new Date(value).toISOString() : value],
    ];
  });
  const search = new URLSearchParams(given).toString();
  return search ? `${base}?${search}` : base;
}
