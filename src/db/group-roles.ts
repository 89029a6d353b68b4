import type { TransactionSql } from 'postgres';
import { errorCode } from './errors.ts';
import { EMITTING, WORKING } from './migrations.ts';
import { OWN_SCHEMA } from './own-schema.ts';

/**
 * Roles that may call some of our functions, and nothing else, by what they may do. All databases
 * of a server share them.
 */
export interface GroupRoles {
  /** May emit events. */
  emit: string;
  /** May do the work of subscribers of its own. */
  work: string;
}

export const GROUP_ROLES: GroupRoles = { emit: 'knockon_emitter', work: 'knockon_worker' };

const FUNCTIONS: Record<keyof GroupRoles, string[]> = { emit: EMITTING, work: WORKING };

/**
 * Lets these roles call what they may. Makes a role where it does not exist and we may.
 *
 * @returns what an administrator must do, for people; null: nothing
 * @throws Postgres' error
 */
export async function letRolesCall(tx: TransactionSql, roles: GroupRoles): Promise<string | null> {
  const notes: string[] = [];
  for (const [may, role] of Object.entries(roles) as [keyof GroupRoles, string][]) {
    const note = await letRoleCall(tx, role, may);
    if (note !== null) notes.push(note);
  }
  return notes.length > 0 ? notes.join('\n') : null;
}

async function letRoleCall(
  tx: TransactionSql,
  role: string,
  may: keyof GroupRoles,
): Promise<string | null> {
  if (!(await makeRole(tx, role)))
    return (
      `This role owns Knock-on's tables, and can ${may}. For other roles there must be the role ` +
      `${role}, which this role may not make. If you need it, an administrator runs:\n` +
      `  create role ${role} nologin;\n  grant ${role} to ROLE;\nThen migrate again.`
    );
  if (await grantFunctions(tx, role, FUNCTIONS[may])) return null;
  return (
    `The role ${role} may not ${may} yet, and this role may not grant that. ` +
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

/** @returns whether the role may call them now */
async function grantFunctions(
  tx: TransactionSql,
  role: string,
  callable: string[],
): Promise<boolean> {
  const lacking = await tx<{ name: string }[]>`
    select name from jsonb_array_elements_text(${tx.json(callable)}) as t (name)
    where not has_function_privilege(${role}, concat(${OWN_SCHEMA}::text, '.', name), 'execute')`;
  if (lacking.length === 0) return true;
  const functions = callable.map((name) => `${OWN_SCHEMA}.${name}`).join(', ');
  const grant = `grant usage on schema ${OWN_SCHEMA} to ${role};
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
