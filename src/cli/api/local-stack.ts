import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { variablesOf } from '../../settings/problems.ts';
import { findUpFile, isRunning, type Surroundings } from './find-api.ts';

/**
 * What its own processes have for themselves: another beside them takes the next free one, or none.
 */
const own = ['KNOCKON_PORT', 'KNOCKON_METRICS_PORT'];

/**
 * The environment that a process of ours runs with: what is set, and where that names no database
 * all that `npm start` gives to its processes, if it runs here or in a folder above. What is set
 * comes first.
 *
 * @param tell told which stack is used
 */
export function environmentHere(
  tell: (line: string) => void,
  surroundings: Surroundings = {},
): NodeJS.ProcessEnv {
  const { env = process.env } = surroundings;
  const given = variablesOf(env);
  if (given.DATABASE_URL) return env;
  const found = findUpFile(surroundings);
  const settings = found && isRunning(found.up) && settingsBeside(found.path);
  if (!settings) return env;
  tell(`DATABASE_URL is not set: using what \`npm start\` runs here (${found.path}).`);
  return { ...settings, ...given };
}

function settingsBeside(upFile: string): Record<string, string> | undefined {
  try {
    const settings = JSON.parse(
      readFileSync(join(dirname(upFile), 'environment.json'), 'utf8'),
    ) as Record<string, string>;
    return Object.fromEntries(Object.entries(settings).filter(([name]) => !own.includes(name)));
  } catch {
    return undefined;
  }
}
