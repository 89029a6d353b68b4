import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { all, Customer } from '../harness/customer.ts';
import { OPERATOR, type TestProcess, useDeployment } from '../harness/processes.ts';
import { startProxy, type TestProxy } from '../harness/proxy.ts';

const soon = { timeout: 60_000, interval: 100 };

async function open(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text) : null };
}

/** The value of a series, by its name and labels as they stand there. */
const seriesIn = (text: string, series: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1],
  );

/**
 * What `promtool check metrics` asks for: help for each, counters end in _total and nothing else
 * does, base units.
 */
function expectConventions(text: string): void {
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
  );
  const ours = [...types].filter(([name]) => name.startsWith('knockon_'));
  expect(ours.length).toBeGreaterThan(3);
  for (const [name, type] of ours) {
    expect(text).toMatch(new RegExp(`^# HELP ${name} [A-Z1].+\\.$`, 'm'));
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    expect(name).toMatch(/^[a-z0-9_]+$/);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|count|sum|bucket)$/);
  }
  // Names of subscribers and routes, and never an id.
  expect(text).not.toMatch(/^[^#].*[0-9a-f]{8}-[0-9a-f]{4}-/m);
}

describe('with pg-boss', () => {
  const deployment = useDeployment(() => ({ KNOCKON_TRANSPORT: 'pg-boss' }));

  it('an API that other machines reach asks for a key on /metrics, and has a port for them that asks for none', async () => {
    const [port] = (await freePorts(1)) as [number];
    const api = await deployment.current.start('api', {
      KNOCKON_HOST: '0.0.0.0',
      KNOCKON_METRICS_PORT: String(port),
    });
    expect((await open(`${api.url}/metrics`)).status).toBe(401);
    expect((await open(`${api.url}/metrics`, { authorization: `Bearer ${OPERATOR}` })).status).toBe(
      200,
    );
    const inside = `http://127.0.0.1:${port}`;
    for (const path of ['/metrics', '/healthz', '/readyz'])
      expect((await open(inside + path)).status).toBe(200);
    expect((await open(`${inside}/v1/channels`)).status).toBe(404);
    expect((await api.stop()).code).toBe(0);
  });

  it('an API on this machine alone asks for none', async () => {
    const api = await deployment.current.start('api');
    expect((await open(`${api.url}/metrics`)).status).toBe(200);
  });

  it('the metrics of all processes tell what happened, in the conventions of Prometheus', async () => {
    const [apiPort, workerPort] = (await freePorts(2)) as [number, number];
    const [api] = await Promise.all([
      deployment.current.start('api', {
        KNOCKON_METRICS_PORT: `${apiPort}`,
        KNOCKON_CHECK_EVERY: '200ms',
      }),
      deployment.current.start('worker effects', { KNOCKON_METRICS_PORT: `${workerPort}` }),
    ]);
    const product = await Customer.at(api.url);
    const { id } = await product.post();
    await expect.poll(() => product.states(id), soon).toEqual(all('done'));
    const scrape = async (port: number) => (await open(`http://127.0.0.1:${port}/metrics`)).text;
    const wanted = ['search', 'audit'].flatMap((subscriber) => [
      `knockon_effects_total{subscriber="${subscriber}",outcome="done"}`,
      `knockon_attempt_duration_seconds_count{subscriber="${subscriber}",outcome="done"}`,
      `knockon_effect_delay_seconds_count{subscriber="${subscriber}"}`,
    ]);
    let worker = '';
    const counted = async () => {
      worker = await scrape(workerPort);
      return wanted.filter((series) => !(seriesIn(worker, series) > 0));
    };
    await expect.poll(counted, soon).toEqual([]);
    await expect
      .poll(async () => {
        const text = await scrape(apiPort);
        const gauges = [
          'untried_age_seconds',
          'backlog_events',
          'retrying_events',
          'waiting_events',
          'subscriber_paused',
        ];
        return gauges.map((name) => seriesIn(text, `knockon_${name}{subscriber="search"}`));
      }, soon)
      .toEqual([0, 0, 0, 0, 0]);
    const served = await scrape(apiPort);
    expect(seriesIn(served, 'knockon_dispatch_delay_seconds_count')).toBeGreaterThan(0);
    for (const text of [worker, served]) {
      expect(text).toMatch(
        /^knockon_build_info\{version="[^"]+",commit="[^"]+",node="v\d+\.[^"]+"\} 1$/m,
      );
      for (const name of [
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'nodejs_heap_size_used_bytes',
      ])
        expect(text).toMatch(new RegExp(`^${name} `, 'm'));
      expectConventions(text);
    }
    const page = await readFile(
      new URL('../../docs/operations/metrics.md', import.meta.url),
      'utf8',
    );
    const told = [...page.matchAll(/^\| `(knockon_\w+)/gm)].map(([, name]) => name);
    const there = [worker, served].flatMap((text) =>
      [...text.matchAll(/^# TYPE (knockon_\S+)/gm)].map(([, name]) => name),
    );
    expect([...new Set(told)].sort()).toEqual([...new Set(there)].sort());
  });

  it('a port that is taken is told with the setting that names it', async () => {
    const [port] = (await freePorts(1)) as [number];
    await deployment.current.start('worker effects', { KNOCKON_METRICS_PORT: String(port) });
    const second = deployment.current.start('worker effects', {
      KNOCKON_METRICS_PORT: String(port),
    });
    await expect(second).rejects.toThrow(/EADDRINUSE.*set KNOCKON_METRICS_PORT/);
  });
});

describe('each process', () => {
  const deployment = useDeployment();
  const urls: Record<string, string> = {};
  let postgres: TestProxy;
  let temporal: TestProxy;
  let processes: TestProcess[];

  beforeAll(async () => {
    const { url, temporal: server } = deployment.current;
    postgres = await startProxy(url);
    temporal = await startProxy(`tcp://${server.address}`);
    const commands = ['relay', 'worker workflows', 'worker effects'];
    const ports = await freePorts(commands.length);
    processes = await Promise.all(
      commands.map((command, i) => {
        urls[command] = `http://127.0.0.1:${ports[i]}`;
        const reach = { DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: new URL(temporal.url).host };
        return deployment.current.start(command, {
          ...reach,
          KNOCKON_METRICS_PORT: String(ports[i]),
        });
      }),
    );
  });
  afterAll(() => Promise.all([postgres?.stop(), temporal?.stop()]));

  const readiness = () =>
    Promise.all(Object.values(urls).map(async (url) => (await open(`${url}/readyz`)).status));
  const problems = () =>
    Promise.all(
      Object.values(urls).map(
        async (url) => (await open(`${url}/readyz`)).body?.detail?.problem ?? '',
      ),
    );

  it('answers health and metrics on a port of its own', async () => {
    for (const url of Object.values(urls)) {
      expect(await open(`${url}/healthz`)).toMatchObject({ status: 200, body: { ok: true } });
      expect(await open(`${url}/metrics`)).toMatchObject({ status: 200 });
      expect((await open(`${url}/v1/channels`)).status).toBe(404);
    }
    await expect.poll(readiness, soon).toEqual([200, 200, 200]);
  });

  it.each([
    ['Postgres', () => postgres, /^database: /],
    ['Temporal', () => temporal, /transport: /],
  ])(
    'says within 2 s that it is not ready where %s does not answer, and that it is alive',
    async (_, proxy, problem) => {
      proxy().be('frozen');
      try {
        await expect.poll(readiness, soon).toEqual([503, 503, 503]);
        const began = performance.now();
        for (const said of await problems()) expect(said).toMatch(problem);
        // Several times what is promised: the machine is busy with other tests. Without a limit it
        // would be 8 s and more.
        expect(performance.now() - began).toBeLessThan(7000);
        for (const url of Object.values(urls))
          expect((await open(`${url}/healthz`)).status).toBe(200);
      } finally {
        proxy().be('open');
      }
      await expect.poll(readiness, soon).toEqual([200, 200, 200]);
    },
  );

  it.each([
    [
      'worker effects',
      { DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' },
      /^this process is starting; database: .*ECONNREFUSED/,
    ],
    [
      'worker workflows',
      { TEMPORAL_ADDRESS: '127.0.0.1:1' },
      /^this process is starting; transport: /,
    ],
  ])(
    '%s answers while it waits for a server, and says that it is starting',
    async (command, settings, problem) => {
      const [port] = (await freePorts(1)) as [number];
      const ready = deployment.current.start(command, {
        ...settings,
        KNOCKON_METRICS_PORT: String(port),
      });
      const ended = ready.catch((error: Error) => error.message);
      const url = `http://127.0.0.1:${port}`;
      await expect
        .poll(async () => (await open(`${url}/healthz`).catch(() => null))?.status, soon)
        .toBe(200);
      await expect
        .poll(async () => (await open(`${url}/readyz`)).body?.detail.problem, soon)
        .toMatch(problem);
      expect((await open(`${url}/readyz`)).status).toBe(503);
      await deployment.current.processes.at(-1)!.kill();
      expect(await ended).toContain('before it was ready');
    },
  );

  it('ends in peace, and its port with it', async () => {
    expect(
      (await Promise.all(processes.map((process) => process.stop()))).map(({ code }) => code),
    ).toEqual([0, 0, 0]);
    const gone = Object.values(urls).map((url) => open(`${url}/healthz`).catch(() => 'gone'));
    expect(await Promise.all(gone)).toEqual(['gone', 'gone', 'gone']);
  });
});
