import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Background, startInBackground, waitUntilItAnswers } from '../processes/background.ts';

const run = promisify(execFile);

export interface TemporalOptions {
  /** Path of the `temporal` CLI. */
  cli: string;
  port: number;
  /** Port of the UI; unset: no UI. */
  uiPort?: number;
  /** File that keeps its state; unset: all is in memory and gone at the end. */
  file?: string;
  /** Made at the start, beside `default`. */
  namespaces?: string[];
  log: string;
  onSpawn?(pid: number): void;
}

export interface Temporal {
  address: string;
  uiUrl?: string;
  server: Background;
  stop(): Promise<void>;
}

/** How long finished workflows stay to be looked at. */
const retention = '3d';

/**
 * The dev server polls its queue 20 times a second unless told otherwise, up to 50 ms a hop; and
 * its caches are sized for a cluster, so that memory would grow with every workflow for an hour.
 */
const dynamicConfig: Record<string, number | boolean | string> = {
  'history.transferProcessorMaxPollRPS': 2000,
  'history.hostLevelCacheMaxSize': 256,
  'history.cacheTTL': '"1m"',
  'history.eventsHostLevelCacheMaxSizeBytes': 4 * 1024 * 1024,
  'history.enableHostLevelEventsCache': true,
  // Four partitions a queue, forwarding to one another, are for a cluster.
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  // Calls of a workspace that floods take turns with those of the others.
  'matching.enableFairness': true,
};

/**
 * A soft limit: Go's collector works harder near it instead of letting the heap double between two
 * collections.
 */
const goMemory = { GOMEMLIMIT: '220MiB', GOGC: '60' };

/**
 * Starts a real Temporal dev server on 127.0.0.1 and waits until it answers.
 *
 * @throws with the end of its log where it doesn't start
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const address = `127.0.0.1:${options.port}`;
  const server = await startInBackground(options.cli, argumentsFor(options), {
    log: options.log,
    onSpawn: options.onSpawn,
    // Without a file all state is in that heap: it must be free to grow.
    env: { ...(options.file ? goMemory : {}), ...process.env },
  });
  await waitUntilItAnswers(server, 'Temporal', options.log, () => prepare(options.cli, address));
  return {
    address,
    uiUrl: options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`,
    server,
    stop: () => server.stop(10_000),
  };
}

function argumentsFor(options: TemporalOptions): string[] {
  const args = [
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(options.port),
    '--log-level',
    'error',
  ];
  if (options.uiPort === undefined) args.push('--headless');
  else
    args.push(
      '--ui-port',
      String(options.uiPort),
      '--ui-ip',
      '127.0.0.1',
      '--ui-disable-news-fetch',
    );
  if (options.file) args.push('--db-filename', options.file);
  if (options.file)
    args.push('--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal');
  for (const [key, value] of Object.entries(dynamicConfig))
    args.push('--dynamic-config-value', `${key}=${value}`);
  for (const namespace of options.namespaces ?? []) args.push('--namespace', namespace);
  return args;
}

/** By the CLI, not by the SDK: that alone would cost the launcher 40 MB for as long as it runs. */
async function prepare(cli: string, address: string): Promise<void> {
  await run(cli, [
    'operator',
    'namespace',
    'update',
    '--namespace',
    'default',
    '--retention',
    retention,
    '--address',
    address,
  ]);
}
