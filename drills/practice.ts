import { setTimeout as wait } from 'node:timers/promises';
import type { Drill, Scene } from './drill.ts';
import { readRunbook } from './page/read.ts';
import { type } from './page/type.ts';
import type { Opened } from './product/open.ts';
import type { Stage } from './product/stage.ts';
import type { Teller } from './teller.ts';

/**
 * How often to look whether it is cured, and how often somebody who waits hears of it, in ms.
 */
const LOOK = 1000;
const REMIND = 30_000;

/** How long the runbook's cure may take to hold, in ms. */
const PATIENCE = 180_000;

export interface Outcome {
  cured: boolean;
  seconds: number;
}

/**
 * Produces the symptom, tells what people say, and stays until it is cured: by whoever practises,
 * or with `cure` by the runbook.
 */
export async function practise(
  drill: Drill,
  { stage, saveEnvironment }: Opened,
  { tell, cure }: { tell: Teller; cure: boolean },
): Promise<Outcome> {
  tell('preparing', { drill: drill.name }, `Producing it: ${drill.name} …`);
  const scene = await drill.begin(stage);
  const [envFile, began] = [await saveEnvironment(), Date.now()];
  tell(
    'complaint',
    { drill: drill.name, complaint: drill.complaint, env_file: envFile },
    briefing(drill, envFile),
  );
  if (cure) await cureAsWritten(drill, stage, scene, tell);
  const cured = await isCured(scene, tell, cure ? PATIENCE : Number.POSITIVE_INFINITY);
  const seconds = Math.round((Date.now() - began) / 100) / 10;
  tell(
    'outcome',
    { cured, seconds },
    cured ? `Cured, after ${seconds} s.` : `Not cured: ${await scene.remains()}.`,
  );
  return { cured, seconds };
}

const briefing = ({ complaint }: Drill, envFile: string) => `
People say: ${complaint}

In another terminal:

  . ${envFile}
  knockon doctor

and go on as docs/operations/runbook.md says, "Start here". The drill looks every second
whether it is cured. Ctrl-C ends it and cleans up.
`;

/** Types the commands under "Cure", as the page has them. */
async function cureAsWritten(
  drill: Drill,
  stage: Stage,
  scene: Scene,
  tell: Teller,
): Promise<void> {
  const section = readRunbook().find((one) => one.drill === drill.name);
  if (!section) throw new Error(`the runbook has no section for ${drill.name}`);
  for (const command of section.commands.cure) {
    const { text, output, exit, wrong } = await type(stage, command, scene.words);
    tell('typed', { command: text, exit, wrong }, `$ ${text}\n${output.trimEnd()}`);
  }
}

async function isCured(scene: Scene, tell: Teller, patience: number): Promise<boolean> {
  const began = Date.now();
  for (let told = began; ; await wait(LOOK)) {
    const remains = await scene.remains().catch((error: Error) => error.message);
    if (remains === null) return true;
    if (Date.now() - began > patience) return false;
    if (Date.now() - told < REMIND) continue;
    told = Date.now();
    tell(
      'waiting',
      { seconds: Math.round((told - began) / 1000) },
      `Not cured yet, after ${Math.round((told - began) / 1000)} s.`,
    );
  }
}
