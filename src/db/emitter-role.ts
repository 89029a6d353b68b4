import type { TransactionSql } from 'postgres';
import { errorCode } from './errors.ts';
import { EMITTING } from './migrations.ts';
import { OWN_SCHEMA } from './own-schema.ts';

/** A role that may emit, and nothing else. All databases of a server share it. */
export const EMITTER = 'knockon_emitter';

/**
 * Lets a role emit, and nothing else. Makes the role where it does not exist and we may.
 *
 * @returns what an administrator must do, for people; null: nothing
 * @throws Postgres' error
 */
export async function letEmitterEmit(tx: TransactionSql, role: string): Promise<string | null> {
  if (!(await makeRole(tx, role)))
    return (
      "This role owns Knock-on's tables, and can emit. For other roles there must be the role " +
      `${role}, which this role may not make. If you need it, an administrator runs:\n` +
      `  create role ${role} nologin;\n  grant ${role} to ROLE;\nThen migrate again.`
    );
  if (await grantFunctions(tx, role)) return null;
  return (
    `The role ${role} may not emit yet, and this role may not grant that. ` +
    "Migrate again as the owner of Knock-on's tables."
  );
}

/** @returns whether it exists now */
async function makeRole(tx: TransactionSql, role: string): Promise<boolean> {
  const [known] = await tx<{ exists: boolean; may: boolean }[]>`
    select exists (select from pg_roles where rolname = ${role}) as exists,
      (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may`;
  if (known?.exists || !known?.may) return known?.exists ?? false;
  // The migrator of another database may make it at the same moment.
  return await tried(tx, `create role ${role} nologin`, ['42710', '23505'], ['42501']);
}

/** @returns whether the role may emit now */
async function grantFunctions(tx: TransactionSql, role: string): Promise<boolean> {
  const lacking = await tx<{ name: string }[]>`
    select name from jsonb_array_elements_text(${tx.json(EMITTING)}) as t (name)
    where not has_function_privilege(${role}, concat(${OWN_SCHEMA}::text, '.', name), 'execute')`;
  if (lacking.length === 0) return true;
  const functions = EMITTING.map((name) => `knockon.${name}`).join(', ');
  const grant = `grant usage on schema knockon to ${role};
    grant execute on function ${functions} to ${role}`;
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
