import type { TransactionSql } from 'postgres';
import { errorCode } from './errors.ts';
import { EMITTING } from './migrations.ts';
import { OWN_SCHEMA } from './own-schema.ts';

/** A role that may emit, and nothing else. All databases of a server share it. */
const EMITTER = 'knockon_emitter';

/**
 * Lets the role `knockon_emitter` emit. Makes the role where it does not exist and we may.
 *
 * @returns what an administrator must do, for people; null: nothing
 * @throws Postgres' error
 */
export async function letEmitterEmit(tx: TransactionSql): Promise<string | null> {
  if (!(await makeRole(tx)))
    return (
      `The role ${EMITTER} does not exist, and this role may not make it. Without it, only the ` +
      "owner of Knock-on's tables can emit in SQL. An administrator makes it, and gives it to " +
      `an application:\n  create role ${EMITTER} nologin;\n  grant ${EMITTER} to ROLE;\n` +
      'Then migrate again.'
    );
  if (await grantFunctions(tx)) return null;
  return (
    `The role ${EMITTER} may not emit yet, and this role may not grant that. ` +
    "Migrate again as the owner of Knock-on's tables."
  );
}

/** @returns whether it exists now */
async function makeRole(tx: TransactionSql): Promise<boolean> {
  const [known] = await tx<{ exists: boolean; may: boolean }[]>`
    select exists (select from pg_roles where rolname = ${EMITTER}) as exists,
      (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may`;
  if (known?.exists || !known?.may) return known?.exists ?? false;
  // The migrator of another database may make it at the same moment.
  return await tried(tx, `create role ${EMITTER} nologin`, ['42710', '23505'], ['42501']);
}

/** @returns whether the role may emit now */
async function grantFunctions(tx: TransactionSql): Promise<boolean> {
  const lacking = await tx<{ name: string }[]>`
    select name from jsonb_array_elements_text(${tx.json(EMITTING)}) as t (name)
    where not has_function_privilege(${EMITTER}, concat(${OWN_SCHEMA}::text, '.', name), 'execute')`;
  if (lacking.length === 0) return true;
  const functions = EMITTING.map((name) => `knockon.${name}`).join(', ');
  const grant = `grant usage on schema knockon to ${EMITTER};
    grant execute on function ${functions} to ${EMITTER}`;
  return await tried(tx, grant, [], ['42501']);
}

/**
 * Runs statements in a savepoint.
 *
 * @param passing SQLSTATEs with which that has been done already
 * @param failing SQLSTATEs that answer false
 */
async function tried(
  tx: TransactionSql,
  statements: string,
  passing: string[],
  failing: string[],
): Promise<boolean> {
  try {
    await tx.savepoint((inner) => inner.unsafe(statements).simple());
    return true;
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (passing.includes(code)) return true;
    if (failing.includes(code)) return false;
    throw error;
  }
}
