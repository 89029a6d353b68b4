import type { Sql } from 'postgres';
import type { Bills } from '../traffic/bills.ts';
import type { Client } from '../traffic/client.ts';
import type { Accepted, Journal } from '../traffic/journal.ts';
import type { Mailbox } from '../traffic/mailbox.ts';
import type { Receiver } from '../traffic/receiver.ts';
import type { Workspace } from '../traffic/workspace.ts';

/** What there is to be looked at, once all is quiet. */
export interface World {
  pg: Sql;
  client: Client;
  journal: Journal;
  /** What was emitted by HTTP and SQL. */
  bills: Bills;
  receiver: Receiver;
  mailbox: Mailbox;
  workspaces: Workspace[];
  /** Of a process of ours. */
  env: NodeJS.ProcessEnv;
}

/** What a check has found: a sentence for each thing that is wrong. */
export interface Finding {
  /** How many things were looked at. */
  examined: number;
  wrong: string[];
}

/** A promise, and whether it was kept. */
export interface Check {
  promise: string;
  look(world: World): Promise<Finding>;
}

/** The workspaces that are looked at: others may have their own troubles. */
export const idsOf = (workspaces: Workspace[]): string[] => workspaces.map(({ id }) => id);

/** `count` of them, evenly spread. */
export function sample<T>(list: T[], count: number): T[] {
  const step = Math.max(1, list.length / count);
  return Array.from(
    { length: Math.min(count, list.length) },
    (_, i) => list[Math.floor(i * step)]!,
  );
}

export const living = ({ messages }: Journal): Accepted[] =>
  messages.filter((message) => !message.isDeleted);
