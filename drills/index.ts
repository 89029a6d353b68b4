import type { Drill } from './drill.ts';
import { badDeploy } from './symptoms/bad-deploy.ts';
import { duplicateComplaints } from './symptoms/duplicate-complaints.ts';
import { floodingWorkspace } from './symptoms/flooding-workspace.ts';
import { forgottenPause } from './symptoms/forgotten-pause.ts';
import { missingEffect } from './symptoms/missing-effect.ts';
import { poisonMessage } from './symptoms/poison-message.ts';
import { postgresFull } from './symptoms/postgres-full.ts';
import { runawayReplay } from './symptoms/runaway-replay.ts';
import { slowSearch } from './symptoms/slow-search.ts';
import { temporalDown } from './symptoms/temporal-down.ts';
import { versionSkew } from './symptoms/version-skew.ts';
import { webhooksLate } from './symptoms/webhooks-late.ts';

/** Every drill, in the order of the runbook. */
export const drills: Drill[] = [
  webhooksLate,
  badDeploy,
  poisonMessage,
  temporalDown,
  postgresFull,
  floodingWorkspace,
  forgottenPause,
  versionSkew,
  duplicateComplaints,
  missingEffect,
  slowSearch,
  runawayReplay,
];
