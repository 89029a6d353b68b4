// The bad neighbours, in a process of their own: what they do must not cost the good one's time.
import { between, randomFrom } from '../../random.ts';
import type { FromProcess } from '../bad-neighbours.ts';
import { Ground, type Place } from './ground.ts';
import { type Bad, type Done, type Habit, practise } from './habit.ts';
import { chosen } from './index.ts';
import { BadReceiver } from './receiver.ts';

interface Settled {
  bad: Bad;
  ground: Ground;
  habits: Habit[];
  done: Done;
}

const { place, only, seed } = JSON.parse(process.argv[2]!) as {
  place: Omit<Place, 'receiver'>;
  only: string[];
  seed: number;
};
const random = randomFrom(seed);
const tell = (told: FromProcess) =>
  new Promise<void>((resolve) => process.send!(told, () => resolve()));
const heard = (word: string) =>
  new Promise<void>((resolve) => process.on('message', (message) => message === word && resolve()));

/** Whoever started this is gone. */
process.on('disconnect', () => process.exit(1));

const receiver = await BadReceiver.start();
const crowd: Settled[] = [];
for (const bad of chosen(only)) {
  const ground = new Ground(bad.name, { ...place, receiver });
  crowd.push({ bad, ground, habits: await bad.settleIn(ground), done: { acts: 0, leftOut: 0 } });
  await tell({ settled: bad.name });
}
const [begin, end] = [heard('begin'), heard('end')];
await tell({ ready: true });
await begin;
for (const { ground } of crowd) ground.begin();
const over = new AbortController();
const practising = crowd.map(async ({ habits, done }) => {
  const each = habits.map((): Done => ({ acts: 0, leftOut: 0 }));
  // Not all in the same moment: that would be a lack of CPU, and nobody's fault.
  await Promise.all(
    habits.map((habit, i) =>
      practise(habit, over.signal, each[i]!, between(random, 0, habit.everyMs)),
    ),
  );
  for (const { acts, leftOut } of each) {
    done.acts += acts;
    done.leftOut += leftOut;
  }
});
await end;
over.abort();
await Promise.all(practising);
receiver.stop();
await tell({
  report: crowd.map(({ bad: { name, does }, ground: { journal, promptness, accepted }, done }) => ({
    name,
    does,
    acts: done.acts,
    leftOut: done.leftOut,
    answers: Object.fromEntries([...journal.answers].sort()),
    calls: promptness.count,
    slowestMs: promptness.slowestMs,
    late: promptness.late,
    wrong: journal.wrong,
    accepted,
  })),
});
process.exit(0);
