import { createRequire } from 'node:module';
import { join } from 'node:path';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { startInBackground, waitUntilItAnswers } from '../../src/local/processes/background.ts';
import type { Servers } from '../contestants/peer.ts';
import type { Ground } from '../ground.ts';

/** The server's program, from the package of this platform. */
function program(): string {
  const require = createRequire(new URL('../package.json', import.meta.url));
  return require.resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  );
}

/** A Restate server with its defaults; its worker is made known to it once it answers. */
export async function startRestate(ground: Ground): Promise<Servers> {
  const folder = await ground.folder('restate');
  const [admin, ingress, node, worker] = (await freePorts(4)) as [number, number, number, number];
  const log = join(folder, 'restate.log');
  const env = {
    ...process.env,
    RESTATE_BASE_DIR: folder,
    RESTATE_NODE_NAME: 'bench',
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_IP: '127.0.0.1',
    RESTATE_BIND_PORT: String(node),
    RESTATE_ADMIN__BIND_PORT: String(admin),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_LOG_FILTER: 'error',
    RESTATE_DISABLE_TELEMETRY: 'true',
    DO_NOT_TRACK: '1',
  };
  const server = await startInBackground(program(), ['--no-logo'], { log, env });
  const isUp = () => expectOk(fetch(`http://127.0.0.1:${ingress}/restate/health`));
  await waitUntilItAnswers(server, 'Restate', log, isUp, 60_000);
  const introduce = () =>
    expectOk(register(`http://127.0.0.1:${admin}/deployments`, `http://127.0.0.1:${worker}`));
  const address = { RESTATE_INGRESS: `http://127.0.0.1:${ingress}`, WORKER_PORT: String(worker) };
  return { env: address, introduce, stop: () => server.stop() };
}

const register = (url: string, uri: string) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  });

async function expectOk(answer: Promise<Response>): Promise<void> {
  const { ok, status, url, text } = await answer.then(async (a) => ({
    ok: a.ok,
    status: a.status,
    url: a.url,
    text: await a.text(),
  }));
  if (!ok) throw new Error(`${url} answered ${status}: ${text}`);
}
