import { WORKFLOW_QUEUE } from './dispatch.ts';

/**
 * What a deployment's queues and workflows are called outside of its database, so that several may
 * share a namespace.
 */
export interface Naming {
  workflowQueue: string;
  /** The name in Temporal of what is called this here: a task queue, a workflow's id. */
  of(name: string): string;
  /**
   * What is called that in Temporal; a name without the prefix is taken as it is. @returns null
   * where it is another deployment's
   */
  own(name: string): string | null;
}

/** A dispatch's or operation's workflow of a deployment that has a name: its name, then theirs. */
const strangers =
  /^(?!(?:retry|reset|replay|backfill|rebuild|retire|letters)\.)[a-z][a-z0-9_-]*\.(?:[a-z]+\.)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.\d+)?$/i;

/**
 * @param deployment KNOCKON_DEPLOYMENT: it and a dot go before every name; unset: names are as they
 * are
 */
export function namingOf(deployment: string | undefined): Naming {
  const prefix = deployment === undefined ? '' : `${deployment}.`;
  const own = (name: string) =>
    prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  return {
    workflowQueue: `${prefix}${WORKFLOW_QUEUE}`,
    of: (name) => `${prefix}${name}`,
    own: (name) => (strangers.test(own(name)) ? null : own(name)),
  };
}
