import { defineSearchAttributeKey } from '@temporalio/common';
import {
  condition,
  defineSignal,
  makeContinueAsNewFunc,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { OpenLetters } from '../transport/dispatch.ts';
import { namesThatFit } from '../transport/temporal-bytes.ts';

const eventType = defineSearchAttributeKey('EventType', 'KEYWORD');
const failedEffects = defineSearchAttributeKey('FailedEffects', 'KEYWORD_LIST');
const openLetters = defineSearchAttributeKey('OpenLetters', 'INT');

/**
 * What the search attributes say now. Null: the namespace did not take our attributes at the start,
 * and to set one would keep the run from ending.
 */
function shownLetters(): OpenLetters | null {
  const attributes = workflowInfo().typedSearchAttributes;
  const open = attributes.get(openLetters);
  if (open === undefined && attributes.get(eventType) === undefined) return null;
  return { open: open ?? 0, effects: attributes.get(failedEffects) ?? [] };
}

function show({ open, effects }: OpenLetters): void {
  upsertSearchAttributes([
    { key: openLetters, value: open },
    { key: failedEffects, value: namesThatFit(effects) },
  ]);
}

/**
 * Adds a subscriber's dead letters to what the search attributes say. This goes with the workflow
 * task that hears of them.
 */
export function addOpenLetters(subscriber: string, letters: number): void {
  const shown = shownLetters();
  if (!shown) return;
  const effects = [...new Set([...shown.effects, subscriber])].sort();
  show({ open: shown.open + letters, effects });
}

/**
 * When a dispatch ends, `showLetters` says what is open from then on: the attributes of a workflow
 * that has ended never change.
 */
export function clearOpenLetters(): void {
  if (shownLetters()?.open) upsertSearchAttributes([{ key: openLetters, value: 0 }]);
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
    const before = shownLetters();
    if (before) show(shown.open === 0 ? { open: 0, effects: before.effects } : shown);
    if (shown.open === 0) return;
  }
  await makeContinueAsNewFunc<typeof showLetters>()(now);
}

const areSame = (one: OpenLetters, other: OpenLetters): boolean =>
  one.open === other.open &&
  one.effects.length === other.effects.length &&
  one.effects.every((name, i) => name === other.effects[i]);
