import { Listr } from 'listr2';

/** Tells a person, or a program, how the start goes. */
export interface Progress {
  /** Runs a step that takes a while; what it tells is shown beside its title. */
  step<T>(title: string, run: (tell: (line: string) => void) => Promise<T>): Promise<T>;
  /** Something worth knowing that is no step. */
  notice(line: string): void;
  /** After the last step: nothing is drawn any more. */
  end(): Promise<void>;
}

const seconds = (began: number) => (Date.now() - began) / 1000;

/**
 * One line a step, when it is done; what it tells meanwhile on lines of its own. For logs and
 * pipes.
 */
export function plainProgress(write: (line: string) => void): Progress {
  return {
    async step(title, run) {
      const began = Date.now();
      const value = await run((line) => write(`  ${title}: ${line}`));
      write(`✓ ${title} (${seconds(began).toFixed(1)} s)`);
      return value;
    },
    notice: (line) => write(`! ${line}`),
    end: async () => {},
  };
}

/** Each step and notice as a line of JSON. */
export function jsonProgress(write: (line: string) => void): Progress {
  const say = (value: object) => write(JSON.stringify(value));
  return {
    async step(title, run) {
      const began = Date.now();
      say({ step: title, state: 'started' });
      const value = await run((detail) => say({ step: title, state: 'running', detail }));
      say({ step: title, state: 'done', seconds: seconds(began) });
      return value;
    },
    notice: (notice) => say({ notice }),
    end: async () => {},
  };
}

/** What a drawn step waits for: the step's own run, wherever it is. */
interface Drawn {
  begin(run: (show: (line: string) => void) => Promise<void>): void;
  skip(): void;
  task(_: unknown, task: { title: string; output: string }): Promise<void>;
}

/** Spinners, all steps at once, in the order of the titles. */
export function liveProgress(titles: string[], write: (line: string) => void): Progress {
  const notices: string[] = [];
  const drawn = new Map(titles.map((title) => [title, drawnStep(title)] as const));
  const tasks = [...drawn].map(([title, { task }]) => ({ title, task }));
  const list = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
  });
  const drawing = list.run().catch(() => {});
  return {
    step: (title, run) =>
      new Promise((resolve, reject) => {
        const shown = (show: (line: string) => void) =>
          run(show).then(resolve, (error) => Promise.reject(reject(error) ?? error));
        const step = drawn.get(title);
        if (step) step.begin(shown);
        else shown(() => {}).catch(() => {});
      }),
    notice: (line) => void notices.push(line),
    async end() {
      for (const step of drawn.values()) step.skip();
      await drawing;
      for (const line of notices) write(`! ${line}`);
    },
  };
}

function drawnStep(title: string): Drawn {
  let begin: (run: ((show: (line: string) => void) => Promise<void>) | undefined) => void =
    () => {};
  const begun = new Promise<((show: (line: string) => void) => Promise<void>) | undefined>(
    (resolve) => {
      begin = resolve;
    },
  );
  return {
    begin,
    skip: () => begin(undefined),
    async task(_, task) {
      const run = await begun;
      if (!run) throw new Error('not started');
      const began = Date.now();
      await run((line) => {
        task.output = line;
      });
      task.title = `${title} (${seconds(began).toFixed(1)} s)`;
    },
  };
}
