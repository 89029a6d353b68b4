import type { Transaction } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { explainIssues, type Issue } from '../../events/issue.ts';
import type { KnownEventType } from '../../events/registry.ts';
import { groupBy } from '../../group-by.ts';
import { mapInPauses } from '../../yield-to-others.ts';
import { defineEffect, type Effect } from '../runtime/effect.ts';
import { dead } from '../runtime/outcomes.ts';
import { KnownTypes } from './known-types.ts';
import { withoutNames } from './without-names.ts';

/** An event that fits its type's schema after all. */
export interface Mended {
  id: string;
  type: string;
  /** The version of the type that it fits. */
  version: number;
}

export interface SchemaDependencies {
  /** Dispatches events to all their subscribers, as if they had just been emitted. */
  dispatchAnew(tx: Transaction, mended: Mended[]): Promise<void>;
}

/**
 * Gets the events that SQL has emitted and that do not fit the schema of their type, and no others:
 * the dispatcher gives it those. Each is a dead letter. Retried once the type is mended, the event
 * goes to all its subscribers.
 */
export function schema({ dispatchAnew }: SchemaDependencies): Effect {
  const types = new KnownTypes();
  const effect = defineEffect({
    name: 'schema',
    description: 'Keeps events whose payload does not fit the schema of their type.',
    on: ['*'],
    batch: 500,
    concurrency: 2,
    async transact(tx, events) {
      const verdicts: (Mended | Misfit)[] = [];
      for (const [type, ofType] of groupBy(events, (event) => event.type)) {
        const versions = [...new Set(ofType.map(({ version }) => version))];
        const known = await types.read(tx, type, versions);
        verdicts.push(...(await mapInPauses(ofType, (event) => judge(known, event))));
      }
      const isMended = (verdict: Mended | Misfit): verdict is Mended => 'version' in verdict;
      await dispatchAnew(tx, verdicts.filter(isMended));
      return verdicts.flatMap((verdict) => (isMended(verdict) ? [] : [misfit(verdict)]));
    },
  });
  // No event is dispatched to it by its type.
  return Object.freeze({ ...effect, on: [] });
}

interface Misfit {
  event: DomainEvent;
  issues: Issue[];
}

/** An event fits the version that it was emitted with, or else the newest. */
function judge(known: KnownEventType[], event: DomainEvent): Mended | Misfit {
  const { id, type, payload } = event;
  const own = known.find(({ version }) => version === event.version);
  let issues: Issue[] = [{ path: '', message: 'has no schema' }];
  for (const candidate of new Set([own, known.at(-1)])) {
    if (!candidate) continue;
    const found = candidate.check(payload);
    if (found.length === 0) return { id, type, version: candidate.version };
    issues = withoutNames(found, payload, candidate.names);
  }
  return { event, issues };
}

function misfit({ event, issues }: Misfit) {
  const { type, version } = event;
  const sorted = issues.toSorted((a, b) => a.path.localeCompare(b.path));
  const reason = `does not fit ${type}, version ${version}: ${explainIssues(sorted)}`;
  return dead(event, reason, { cause: `${type}: ${explainIssues(sorted.slice(0, 1).map(alike))}` });
}

/** Without the places in lists, so that alike failures have one cause. */
const alike = ({ path, message }: Issue): Issue => ({
  path: path.replaceAll(/(?<=^|\.)\d+(?=\.|$)/g, '*'),
  message,
});
