import { defineSearchAttributeKey } from '@temporalio/common';
import {
  condition,
  defineSignal,
  makeContinueAsNewFunc,
  patched,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { OpenLetters } from '../transport/dispatch.ts';

const eventType = defineSearchAttributeKey('EventType', 'KEYWORD');
const failedEffects = defineSearchAttributeKey('FailedEffects', 'KEYWORD_LIST');
const openLetters = defineSearchAttributeKey('OpenLetters', 'INT');

/**
 * Before, `FailedEffects` alone was set, and at the end. Asked where a letter is written, so that
 * what goes well bears no marker.
 */
const areTold = () => patched('letters-are-told');

interface Told {
  /** Undefined where an earlier version started the workflow. */
  open: number | undefined;
  effects: string[];
}

/**
 * What was told so far; null where the namespace did not take our attributes at the start. To set
 * one would keep the run from ending.
 */
function told(): Told | null {
  const attributes = workflowInfo().typedSearchAttributes;
  const open = attributes.get(openLetters);
  if (open === undefined && attributes.get(eventType) === undefined) return null;
  return { open, effects: attributes.get(failedEffects) ?? [] };
}

/**
 * Says in the search attributes that a subscriber has so many more dead letters. Goes with the
 * workflow task that hears of it.
 */
export function tellLetters(subscriber: string, letters: number): void {
  const so = areTold() ? told() : null;
  if (so)
    tell({
      open: so.open === undefined ? undefined : so.open + letters,
      effects: [...new Set([...so.effects, subscriber])].sort(),
    });
}

/**
 * What is open when a dispatch ends, `showLetters` tells from then on: the attributes of a workflow
 * that has ended stay as they are.
 */
export function concludeLetters(subscribers: string[]): void {
  if (!areTold()) upsertSearchAttributes([{ key: failedEffects, value: subscribers }]);
  else if (told()?.open) upsertSearchAttributes([{ key: openLetters, value: 0 }]);
}

function tell({ open, effects }: Told): void {
  const count = open === undefined ? [] : [{ key: openLetters, value: open }];
  upsertSearchAttributes([...count, { key: failedEffects, value: effects }]);
}

const changed = defineSignal<[OpenLetters]>('changed');

/** Changes after which a run hands over to the next. */
const CHANGES_A_RUN = 1000;

/**
 * Runs for as long as a dispatch has open dead letters, and says in its search attributes how many,
 * and of which effects.
 */
export async function showLetters(letters: OpenLetters): Promise<void> {
  let now = letters;
  setHandler(changed, (next) => {
    now = next;
  });
  let shown = letters;
  for (let change = 0; change < CHANGES_A_RUN; change += 1) {
    await condition(() => !areSame(now, shown));
    shown = now;
    if (told()) tell(shown.open === 0 ? { ...shown, effects: told()?.effects ?? [] } : shown);
    if (shown.open === 0) return;
  }
  await makeContinueAsNewFunc<typeof showLetters>()(now);
}

const areSame = (one: OpenLetters, other: OpenLetters): boolean =>
  one.open === other.open &&
  one.effects.length === other.effects.length &&
  one.effects.every((name, i) => name === other.effects[i]);
