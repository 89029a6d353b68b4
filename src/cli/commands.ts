import type { Command } from 'commander';

type Add = (program: Command) => void;

/** Every command by its name, as the help groups them; a new one is a line here. */
const groups: Record<string, Record<string, () => Promise<Add>>> = {
  Start: {
    up: async () => (await import('./up.ts')).upCommand,
  },
  'Processes of a deployment': {
    api: async () => (await import('./processes.ts')).apiCommand,
    relay: async () => (await import('./processes.ts')).relayCommand,
    worker: async () => (await import('./processes.ts')).workerCommand,
    migrate: async () => (await import('./processes.ts')).migrateCommand,
  },
  Try: {
    demo: async () => (await import('./demo/demo.ts')).demoCommand,
    import: async () => (await import('./import/command.ts')).importCommand,
    emit: async () => (await import('./emit/emit.ts')).emitCommand,
    cancel: async () => (await import('./emit/cancel.ts')).cancelCommand,
  },
  Look: {
    doctor: async () => (await import('./operate/doctor.ts')).doctorCommand,
    subscribers: async () => (await import('./operate/subscribers.ts')).subscribersCommand,
    failed: async () => (await import('./operate/failed.ts')).failedCommand,
    trace: async () => (await import('./trace/trace.ts')).traceCommand,
    verify: async () => (await import('./operate/verify.ts')).verifyCommand,
    scheduled: async () => (await import('./operate/scheduled.ts')).scheduledCommand,
    operations: async () => (await import('./operate/operations.ts')).operationsCommand,
    log: async () => (await import('./operate/log.ts')).logCommand,
  },
  'Steer subscribers': {
    subscribe: async () => (await import('./operate/subscribe.ts')).subscribeCommand,
    unsubscribe: async () => (await import('./operate/subscribe.ts')).unsubscribeCommand,
    pause: async () => (await import('./operate/pause-resume.ts')).pauseCommand,
    resume: async () => (await import('./operate/pause-resume.ts')).resumeCommand,
    limit: async () => (await import('./operate/limit.ts')).limitCommand,
    drain: async () => (await import('./operate/drain.ts')).drainCommand,
    scale: async () => (await import('./operate/scale.ts')).scaleCommand,
    retire: async () => (await import('./operate/retire.ts')).retireCommand,
  },
  'Do it again, or give it up': {
    retry: async () => (await import('./operate/retry.ts')).retryCommand,
    reset: async () => (await import('./operate/retry.ts')).resetCommand,
    discard: async () => (await import('./operate/retry.ts')).discardCommand,
    replay: async () => (await import('./operate/replay.ts')).replayCommand,
    backfill: async () => (await import('./operate/replay.ts')).backfillCommand,
    rebuild: async () => (await import('./operate/replay.ts')).rebuildCommand,
  },
  'Look after customers': {
    endpoints: async () => (await import('./operate/endpoints.ts')).endpointsCommand,
    keys: async () => (await import('./operate/keys.ts')).keysCommand,
  },
  'Say what may be emitted': {
    'event-types': async () => (await import('./operate/event-types.ts')).eventTypesCommand,
  },
  'Emit again and again': {
    schedule: async () => (await import('./operate/schedule.ts')).scheduleCommand,
    schedules: async () => (await import('./operate/schedules.ts')).schedulesCommand,
  },
  'Set up': {
    completion: async () => (await import('./terminal/completion.ts')).completionCommand,
  },
};

const all = Object.entries(groups).flatMap(([title, commands]) =>
  Object.entries(commands).map(([name, load]) => ({ title, name, load })),
);

/**
 * Adds the commands that the first word asks for. That is one, where it names one: loading the
 * others would take longer than most of them run. The help, a completion and what to suggest for a
 * wrong word need all.
 */
export async function addCommands(program: Command, word: string | undefined): Promise<void> {
  for (const { title, add } of await Promise.all(neededFor(word).map(loaded))) {
    program.commandsGroup(`${title}:`);
    add(program);
  }
  program.helpCommand('help [command]', 'display help for a command');
}

function neededFor(word: string | undefined) {
  if (word === '--version' || word === '-V') return [];
  const typed = all.filter(({ name }) => name === word && name !== 'completion');
  return typed.length > 0 ? typed : all;
}

const loaded = async ({ title, load }: (typeof all)[number]) => ({ title, add: await load() });
