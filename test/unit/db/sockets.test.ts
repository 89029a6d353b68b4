import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Sockets } from '../../../src/db/sockets.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'setImmediate'] });
});
afterEach(() => vi.useRealTimers());

/** A socket on which nothing is sent: what arrives is said. */
class Line extends Socket {
  override _write(_chunk: unknown, _encoding: string, done: () => void) {
    done();
  }

  ask() {
    this.write('select');
  }

  answer(...chunks: Buffer[]) {
    for (const chunk of chunks) this.emit('data', chunk);
  }
}

function aLine(silentMs: number) {
  const line = new Sockets('postgres://here/it', silentMs, false).watch(new Line());
  line.on('error', () => {});
  return line;
}

function message(type: string, body: Buffer | string): Buffer {
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, Buffer.from(body)]);
}

const ready = (state = 'I') => message('Z', state);
const row = message('D', 'some values');
const notification = message('A', '....work\0\0');
const bytesOf = (...messages: Buffer[]) => [...Buffer.concat(messages)].map((b) => Buffer.of(b));

describe('a connection to Postgres that has answered', () => {
  it.each([
    ['at once', [Buffer.concat([row, ready()])]],
    ['byte by byte', bytesOf(row, message('1', ''), ready())],
    ['with its end in two pieces', [row, ready().subarray(0, 2), ready().subarray(2)]],
    ['and notified at once', [Buffer.concat([row, ready(), notification])]],
  ])('%s may be idle for long, and its next statement has its whole time', (_, chunks) => {
    const line = aLine(2000);
    line.ask();
    line.answer(...chunks);
    vi.advanceTimersByTime(60_000);
    line.ask();
    vi.advanceTimersByTime(1750);
    expect(line.destroyed).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(line.destroyed).toBe(true);
  });
});

describe('a connection to Postgres is given up as silent', () => {
  it.each([
    ['an answer stops', [row]],
    ['an answer stops within a value that looks like the end', [message('D', ready()), row]],
    ['a notification alone has come', [notification]],
    ['what answers does not speak its language', [Buffer.from('Zÿÿÿÿ or so', 'latin1')]],
  ])('where %s', (_, chunks) => {
    const line = aLine(2000);
    line.answer(ready());
    line.ask();
    line.answer(...chunks);
    vi.advanceTimersByTime(2500);
    expect(line.destroyed).toBe(true);
  });
});

it('a connection to Postgres that is to be replaced is so once its transaction has ended, in pieces too', async () => {
  const sockets = new Sockets('postgres://here/it', 2000, false);
  const line = sockets.watch(new Line());
  line.ask();
  line.answer(...bytesOf(ready('T')));
  sockets.replaceAll();
  line.answer(...bytesOf(row, ready('T')));
  await Promise.resolve();
  expect(line.destroyed).toBe(false);
  line.ask();
  line.answer(...bytesOf(ready()));
  await Promise.resolve();
  expect(line.destroyed).toBe(true);
});
