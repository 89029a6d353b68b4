import { performance } from 'node:perf_hooks';
import { Connection } from './connection.ts';
import { at } from './statistics.ts';

/** What a run of requests came to. */
export interface Load {
  requests: number;
  /** From the first request to the last answer, by our own clock. */
  seconds: number;
  perSecond: number;
  p50: number;
  p99: number;
}

export interface LoadOptions {
  connections: number;
  /** Most requests. */
  amount: number;
  /** No request is begun after so many seconds. */
  seconds: number;
}

/**
 * Sends requests, each connection its next one as soon as it has its answer.
 *
 * @param requests taken in turn, from the first on when they are used up
 * @throws where an answer is not 201, or a connection is lost: figures of failing requests say
 * nothing
 */
export async function load(url: string, requests: Buffer[], options: LoadOptions): Promise<Load> {
  const latencies = new Float64Array(options.amount);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () => Connection.open(url, (error) => fail(error))),
  );
  let [sent, answered] = [0, 0];
  const began = performance.now();
  let ended = began;

  const drive = (connection: Connection, done: () => void) => {
    if (sent >= options.amount || performance.now() - began > options.seconds * 1000) return done();
    const request = requests[sent++ % requests.length]!;
    const sentAt = performance.now();
    connection.send(request, (status) => {
      ended = performance.now();
      latencies[answered++] = ended - sentAt;
      if (status !== 201) fail(new Error(`${url} answered ${status}`));
      else drive(connection, done);
    });
  };

  const driven = Promise.all(
    connections.map((connection) => new Promise<void>((resolve) => drive(connection, resolve))),
  );
  await Promise.race([driven, failed]).finally(() => {
    for (const connection of connections) connection.close();
  });
  return summary(latencies.subarray(0, answered).sort(), (ended - began) / 1000);
}

const summary = (sorted: Float64Array, seconds: number): Load => ({
  requests: sorted.length,
  seconds,
  perSecond: sorted.length / seconds,
  p50: at(sorted, 0.5),
  p99: at(sorted, 0.99),
});
