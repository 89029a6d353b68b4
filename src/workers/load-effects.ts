import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { type Effect, isEffect } from '../activities/runtime/effect.ts';
import { isError } from '../safe-error.ts';
import { refusedNames } from './check-effects.ts';

/** Thrown where a module with effects can't be loaded, or has none. It says what to do. */
export class EffectModuleError extends Error {
  override name = 'EffectModuleError';
}

/**
 * The effects that a module exports: by name, as its default, or as an array of either.
 *
 * @param path of a file, or of a folder with `index.js`, `index.mjs` or `index.ts`; from the
 * current folder. TypeScript needs a Node that can load it: 22.18 or later, or tsx
 * @throws EffectModuleError
 */
export async function loadEffects(path: string): Promise<Effect[]> {
  const file = fileOf(resolve(path));
  const exported = (await importModule(file)) as Record<string, unknown>;
  // A CommonJS module shows its exports by name, and once more as its default.
  const found = new Set(Object.values(exported).flatMap(listOf).filter(isEffect));
  if (found.size === 0)
    throw new EffectModuleError(
      `${file} exports no effect. Export what defineEffect returns, by name or as an array.`,
    );
  return withNamesOfTheirOwn([...found], file);
}

const ENTRIES = ['index.js', 'index.mjs', 'index.ts'];

function fileOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new EffectModuleError(`there is no ${path}`);
  if (!found.isDirectory()) return path;
  const entry = ENTRIES.map((name) => join(path, name)).find((file) => existsSync(file));
  if (entry) return entry;
  throw new EffectModuleError(`${path} has no ${ENTRIES.join(', ')}: name a file`);
}

async function importModule(file: string): Promise<unknown> {
  try {
    return (await import(pathToFileURL(file).href)) as unknown;
  } catch (error) {
    // A module may throw anything.
    const { code } = Object(error) as { code?: string };
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && file.endsWith('ts'))
      throw new EffectModuleError(
        `Node ${process.versions.node} can't load ${file}. Name a build of it in JavaScript, ` +
          'use Node 22.18 or later, or set NODE_OPTIONS="--import tsx" with tsx installed.',
      );
    const why = isError(error) ? String(error) : `it threw ${inspect(error)}`;
    throw new EffectModuleError(`${file} can't be loaded: ${why}`);
  }
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

function withNamesOfTheirOwn(effects: Effect[], file: string): Effect[] {
  const refused = refusedNames(effects.map(({ name }) => name));
  if (refused) throw new EffectModuleError(`${file} can't be used: ${refused}`);
  return effects;
}
