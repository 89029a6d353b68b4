import { closest } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { Effect } from '../activities/runtime/effect.ts';
import { cantBeUsed, problemOf, variablesOf } from '../settings/problems.ts';

/**
 * Reads the settings that effects have of their own, and gives them to each call. An empty variable
 * counts as unset.
 *
 * @throws ConfigError naming each variable that is missing, malformed or unknown. A variable is
 * unknown if it begins with the name of an effect that has settings: `CRM_` for `crm`
 */
export function withOwnSettings(effects: Effect[], env: NodeJS.ProcessEnv): Effect[] {
  const given = variablesOf(env);
  const problems = [...new Set(effects.flatMap((effect) => problemsOf(effect, effects, given)))];
  if (problems.length > 0) throw cantBeUsed(problems);
  return effects.map((effect) => giveSettings(effect, given));
}

type Variables = Record<string, string>;

function problemsOf({ name, settings }: Effect, all: Effect[], given: Variables): string[] {
  if (!settings) return [];
  const { issues } = settings.safeParse(given).error ?? { issues: [] };
  const known = all.flatMap((effect) => variablesIn(effect.settings));
  const prefix = `${name.toUpperCase().replaceAll('-', '_')}_`;
  const unknown = Object.keys(given).filter(
    (variable) => variable.startsWith(prefix) && !known.includes(variable),
  );
  return [
    ...issues.map((issue) => sentence(name, issue, given)),
    ...unknown.map(
      (variable) =>
        `${variable} is not a setting of the effect "${name}"; ` +
        `did you mean ${closest(variable, variablesIn(settings))}?`,
    ),
  ];
}

const variablesIn = (settings: Effect['settings']) => Object.keys(settings?.shape ?? {});

/** Zod's message says what a value must be, and what it got. The value itself may be a secret. */
function sentence(effect: string, { path, message }: z.core.$ZodIssue, given: Variables): string {
  const variable = String(path[0]);
  const told = problemOf(variable, given[variable], `is for the effect "${effect}"`);
  return given[variable] === undefined ? told : `${told}; ${message}`;
}

function giveSettings(effect: Effect, given: Variables): Effect {
  if (!effect.settings) return effect;
  const settings: unknown = Object.freeze(effect.settings.parse(given));
  if ('transact' in effect)
    return {
      ...effect,
      transact: (tx, events, call) => effect.transact(tx, events, { ...call, settings } as never),
    };
  return {
    ...effect,
    perform: (events, call) => effect.perform(events, { ...call, settings } as never),
  };
}
