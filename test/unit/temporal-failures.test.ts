import { createSecureServer, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/settings/config.ts';
import { CallFailure, FAILURE } from '../../src/transport/retry/failure.ts';
import { temporalFailures } from '../../src/workers/temporal-failures.ts';
import { mayPass, temporalTrouble } from '../../src/workers/temporal-trouble.ts';
import { CERTIFICATE, KEY } from '../harness/certificates.ts';

/** What Temporal gets of an activity that throws this. */
async function thrownAs(error: unknown): Promise<unknown> {
  const [intercept] = temporalFailures ?? [];
  const execute = intercept?.({} as never).inbound?.execute;
  const next = async () => {
    throw error;
  };
  return await execute?.({} as never, next).catch((failure: unknown) => failure);
}

describe('a failure of a call, for Temporal', () => {
  it('keeps its type, its short cause and the wait that the other side asked for', async () => {
    const failure = new CallFailure(FAILURE.retry, 'slow down', {
      shortCause: 'HTTP 429',
      afterMs: 7000,
    });
    const thrown = await thrownAs(failure);
    expect(thrown).toBeInstanceOf(ApplicationFailure);
    expect(thrown).toMatchObject({
      type: 'EffectRetry',
      message: 'slow down',
      details: ['HTTP 429'],
      nextRetryDelay: 7000,
      nonRetryable: false,
    });
  });

  it('is repeated by the policy where nobody asked for a wait', async () => {
    const thrown = await thrownAs(new CallFailure(FAILURE.poison, 'broken'));
    expect(thrown).toMatchObject({ type: 'EffectPoison', details: ['broken'] });
    expect(thrown).toMatchObject({ nextRetryDelay: undefined, nonRetryable: false });
  });

  it('stays as it is where Temporal made it', async () => {
    const failure = ApplicationFailure.create({ type: 'OperationFailed', message: 'no' });
    expect(await thrownAs(failure)).toBe(failure);
  });

  it('loses what people wrote where it may be anything', async () => {
    const thrown = await thrownAs(new Error('no user "ada@example.com"'));
    expect(String((thrown as Error).message)).not.toContain('ada');
  });
});

/** A server that answers each call with that status of gRPC. */
const answering =
  (status: number) =>
  (stream: ServerHttp2Stream): void =>
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) },
      { endStream: true },
    );
const servers = {
  plain: createServer().on('stream', answering(13)),
  away: createServer().on('stream', answering(14)),
  unknownKey: createServer().on('stream', answering(16)),
  refusedKey: createServer().on('stream', answering(7)),
  tls: createSecureServer({ cert: CERTIFICATE, key: KEY }).on('stream', answering(0)),
};

beforeAll(async () => {
  for (const server of Object.values(servers))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  for (const server of Object.values(servers)) server.close();
});

const configFor = (address: string, rest: Record<string, string>) =>
  readConfig({
    DATABASE_URL: 'postgres://localhost/knockon',
    KNOCKON_SECRET: 'x'.repeat(32),
    TEMPORAL_CONFIG_FILE: '/dev/null',
    TEMPORAL_ADDRESS: address,
    ...rest,
  });

describe('what keeps a worker from Temporal', () => {
  it.each<[keyof typeof servers | 'nobody', Record<string, string>, RegExp]>([
    ['plain', { TEMPORAL_TLS: 'true' }, /speaks no TLS: see TEMPORAL_TLS/],
    ['tls', {}, /may need TLS, see TEMPORAL_TLS/],
    [
      'tls',
      { TEMPORAL_TLS: 'true' },
      /this process and Temporal at \S+ reject each other's certificate/,
    ],
    ['unknownKey', {}, /refuses this key: see TEMPORAL_API_KEY/],
    ['refusedKey', {}, /refuses this key: see TEMPORAL_API_KEY/],
    ['plain', {}, /answers with an error$/],
    ['away', {}, /does not answer \(a deployment without Temporal/],
    ['nobody', {}, /does not answer \(a deployment without Temporal/],
  ])('is told: %s %j', { timeout: 30_000 }, async (name, rest, told) => {
    const port = name === 'nobody' ? 1 : (servers[name].address() as AddressInfo).port;
    const config = configFor(`127.0.0.1:${port}`, rest);
    const { namespace: _, ...options } = config.temporal;
    const error = await NativeConnection.connect(options).catch((reason: unknown) => reason);
    expect(temporalTrouble(error, config)).toMatch(told);
    expect(mayPass(error)).toBe(true);
  });

  it('does not pass by itself where it is an option of a wrong type', async () => {
    const options = { address: '127.0.0.1:1', apiKey: 5 as never };
    const error = await NativeConnection.connect(options).catch((reason: unknown) => reason);
    expect(mayPass(error)).toBe(false);
  });
});
