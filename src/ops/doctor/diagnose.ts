import { safeReason } from '../../safe-error.ts';
import { checkClock, checkDatabase, checkDisk, checkMigrations, checkWrites } from './database.ts';
import { type DoctorContext, type Finding, fail } from './finding.ts';
import {
  checkBacklogs,
  checkDeadLetters,
  checkEndpoints,
  checkLedger,
  checkSchedules,
  checkUndispatched,
} from './progress.ts';
import {
  checkClocks,
  checkPaused,
  checkQueues,
  checkStrangers,
  checkVersions,
  checkWorkers,
} from './subscribers.ts';
import { checkTemporal } from './temporal.ts';

/** What the doctor found. */
export interface Diagnosis {
  /** Whether every finding is. */
  ok: boolean;
  findings: Finding[];
}

type Check = (context: DoctorContext) => Promise<Finding[]>;

/**
 * In the order in which somebody would look: what the later ones need is checked by the earlier
 * ones.
 */
const checks: [name: string, check: Check][] = [
  ['database', checkDatabase],
  ['writes', checkWrites],
  ['migrations', checkMigrations],
  ['clock', checkClock],
  ['disk', checkDisk],
  ['temporal', checkTemporal],
  ['workers', checkWorkers],
  ['strangers', checkStrangers],
  ['clocks', checkClocks],
  ['versions', checkVersions],
  ['queues', checkQueues],
  ['paused', checkPaused],
  ['undispatched', checkUndispatched],
  ['schedules', checkSchedules],
  ['backlog', checkBacklogs],
  ['dead letters', checkDeadLetters],
  ['endpoints', checkEndpoints],
  ['ledger', checkLedger],
  ['proxies', checkProxies],
];

/**
 * Looks at everything that is known to go wrong; each finding that is not ok says what to do.
 * Changes nothing, and never throws.
 */
export async function diagnose(context: DoctorContext): Promise<Diagnosis> {
  const [database] = await runCheck(context, checks[0]!);
  // Nothing of the rest could be found out.
  const rest = database?.ok ? checks.slice(1) : checks.filter(([name]) => name === 'temporal');
  const others = await Promise.all(rest.map((check) => runCheck(context, check)));
  const findings = [database!, ...others.flat()];
  return { ok: findings.every(({ ok }) => ok), findings };
}

async function runCheck(
  context: DoctorContext,
  [name, check]: [string, Check],
): Promise<Finding[]> {
  try {
    return await check(context);
  } catch (error) {
    const detail = `could not be checked: ${safeReason(error)}`;
    return [
      {
        check: name,
        ok: false,
        detail,
        remedy: 'Mend what is found above, then ask again; the log of the API may say more.',
      },
    ];
  }
}

/** Says nothing where nobody has forwarded anything: then there is no proxy, or it is named. */
export async function checkProxies({ unnamedProxy }: DoctorContext): Promise<Finding[]> {
  const address = unnamedProxy?.() ?? null;
  if (address === null) return [];
  const proxy = `a proxy at ${address}`;
  const detail = `requests come through ${proxy}, which KNOCKON_TRUSTED_PROXIES does not name`;
  return [
    fail(
      'proxies',
      detail,
      "Name it there as a CIDR: until then all who come through it have one address' quota of " +
        'failed keys.',
    ),
  ];
}
