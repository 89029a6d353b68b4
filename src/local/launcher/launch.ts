import { settings, variablesOf } from '../../settings/config.ts';
import { type Home, openHome, removeFile, secretsOf, writeJson } from '../files/home.ts';
import { setLongLogsAside, tellErrors } from '../files/logs.ts';
import { type ProcessesFile, takeHome } from '../files/processes-file.ts';
import { startGuard } from '../processes/guard.ts';
import { createServices, type Services } from '../processes/supervise.ts';
import { type DemoWorkspace, demoWorkspace } from './demo-workspace.ts';
import { checkSettings, environmentFor, notTaken } from './environment.ts';
import type { Interruption } from './interruption.ts';
import { choosePorts, type Ports } from './ports.ts';
import type { Progress } from './progress.ts';
import { startStack } from './stack.ts';
import { describeUp, type UpFile } from './up-file.ts';

export interface LaunchOptions {
  /** The API's port; 0: any free ports for everything; unset: KNOCKON_PORT or 3000. */
  port?: number;
  progress: Progress;
  interruption: Interruption;
  /** Told of crashes, restarts and errors while it runs. */
  tell(line: string): void;
  /** Told once everything answers. */
  onUp(up: UpFile, demo: DemoWorkspace, home: Home): void;
}

/**
 * Brings everything up, keeps it up until a signal comes, and takes it down in the reverse order.
 *
 * @returns `stopped` after a clean stop, `killed` after a second signal
 * @throws AlreadyRunningError, ConfigError, or what kept it from starting (then nothing is left
 * running)
 */
export async function launch(options: LaunchOptions): Promise<'stopped' | 'killed'> {
  const config = checkSettings();
  // Whatever we start writes for us alone.
  process.umask(0o077);
  const home = await openHome();
  const processes = await takeHome(home, (line) => options.progress.notice(line));
  const dismissGuard = startGuard(home);
  const services = createServices();
  const up = bringUp(options, { home, processes, services });
  const failure = await Promise.race([
    up.then(untilSignal(options), (error: unknown) => ({ error })),
    interrupted(options, up),
  ]);
  const down = takeDown({ home, processes, services }, config.KNOCKON_SHUTDOWN + 5_000);
  const killed = options.interruption.second
    .then(() => processes.kill())
    .then(() => 'killed' as const);
  const outcome = await Promise.race([down.then(() => 'stopped' as const), killed]);
  if (outcome === 'stopped') dismissGuard();
  if (failure) throw failure.error;
  return outcome;
}

interface Parts {
  home: Home;
  processes: ProcessesFile;
  services: Services;
}

async function bringUp(
  options: LaunchOptions,
  { home, processes, services }: Parts,
): Promise<void> {
  const { progress, tell } = options;
  await forgetAddresses(home);
  await setLongLogsAside(home);
  const secrets = await secretsOf(home);
  const ports = await choosePorts(wantedPorts(options.port), (line) => progress.notice(line));
  const env = environmentFor(ports, secrets);
  const own = notTaken(process.env, env);
  if (own.length > 0)
    progress.notice(
      `not used here, where Postgres, Temporal and mail are local: ${own.join(', ')}`,
    );
  const stopTelling = await tellErrors(home, tell);
  services.add('servers', { stop: async () => stopTelling() });
  const { apiUrl } = await startStack({
    home,
    secrets,
    ports,
    env,
    services,
    processes,
    progress,
    tell,
  });
  const demo = await demoWorkspace(home, apiUrl, env.KNOCKON_ADMIN_KEY!);
  const up = describeUp(apiUrl, ports, env, demo);
  await progress.end();
  if (options.interruption.received()) return;
  writeJson(
    home.path('environment.json'),
    Object.fromEntries(settings.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
  );
  writeJson(home.path('up.json'), up);
  options.onUp(up, demo, home);
}

/**
 * The API's port, where one is given; and its port for health and metrics, which those of the
 * workers follow.
 */
function wantedPorts(port: number | undefined): Partial<Ports> {
  const { KNOCKON_PORT, KNOCKON_METRICS_PORT } = variablesOf(process.env);
  const api = port ?? (KNOCKON_PORT === undefined ? undefined : Number(KNOCKON_PORT));
  if (KNOCKON_METRICS_PORT === undefined) return { api };
  const apiHealth = Number(KNOCKON_METRICS_PORT);
  const next = (n: number) => (apiHealth === 0 ? 0 : apiHealth + n);
  return { api, apiHealth, effectsHealth: next(1), workflowsHealth: next(2) };
}

const untilSignal = (options: LaunchOptions) => async () => void (await options.interruption.first);

/**
 * A signal while it starts: what is half-way is waited for a little, so that it can be stopped
 * properly.
 */
async function interrupted(
  { interruption, progress }: LaunchOptions,
  up: Promise<void>,
): Promise<undefined> {
  await interruption.first;
  const late = new Promise((resolve) => setTimeout(resolve, 15_000).unref());
  await Promise.race([up.catch(() => {}), late, interruption.second]);
  await progress.end();
}

async function takeDown({ home, processes, services }: Parts, deadlineMs: number): Promise<void> {
  await forgetAddresses(home);
  await services.stop(deadlineMs);
  await processes.remove();
}

async function forgetAddresses(home: Home): Promise<void> {
  for (const name of ['up.json', 'environment.json']) await removeFile(home.path(name));
}
