import { expect, it } from 'vitest';
import { freePorts } from '../../src/local/ports.ts';
import { OPERATOR, useDeployment } from '../harness/processes.ts';

const deployment = useDeployment(() => ({ KNOCKON_TRANSPORT: 'pg-boss' }));

it('an API that other machines reach asks for a key on /metrics, and has a port for them that asks for none', async () => {
  const [port] = (await freePorts(1)) as [number];
  const api = await deployment.current.start('api', { KNOCKON_HOST: '0.0.0.0', KNOCKON_METRICS_PORT: String(port) });
  const status = async (url: string, headers: Record<string, string> = {}) => (await fetch(url, { headers })).status;
  expect(await status(`${api.url}/metrics`)).toBe(401);
  expect(await status(`${api.url}/metrics`, { authorization: `Bearer ${OPERATOR}` })).toBe(200);
  const inside = `http://127.0.0.1:${port}`;
  for (const path of ['/metrics', '/healthz', '/readyz']) expect(await status(inside + path)).toBe(200);
  expect(await status(`${inside}/v1/channels`)).toBe(404);
  expect((await api.stop()).code).toBe(0);
});

it('an API on this machine alone asks for none', async () => {
  const api = await deployment.current.start('api');
  expect((await fetch(`${api.url}/metrics`)).status).toBe(200);
});
