import { UnreachableError } from './problem.ts';

/** One message of a stream. */
export interface ServerSentEvent {
  event: string;
  /** Parsed where it is JSON. */
  data: unknown;
}

/**
 * Reads a stream of server-sent events until it ends, or who reads stops.
 *
 * @throws UnreachableError if it breaks off, or the signal's reason
 */
export async function* readEvents(
  open: () => Promise<Response>,
  signal?: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const { body } = await open();
  if (!body) return;
  let rest = '';
  for await (const text of textOf(body, signal)) {
    signal?.throwIfAborted();
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    yield* blocks.map(parse).filter((message) => message !== undefined);
  }
}

async function* textOf(body: ReadableStream<Uint8Array>, signal?: AbortSignal) {
  try {
    yield* body.pipeThrough(new TextDecoderStream());
  } catch (error) {
    signal?.throwIfAborted();
    throw new UnreachableError('the stream broke off', { cause: error });
  }
}

/** @returns undefined for what only keeps the connection */
function parse(block: string): ServerSentEvent | undefined {
  const lines = block.split(/\r?\n/).map((line) => /^(\w+): ?(.*)$/.exec(line));
  const values = (name: string) =>
    lines.flatMap((line) => (line?.[1] === name ? [line[2] ?? ''] : []));
  const data = values('data');
  if (data.length === 0) return undefined;
  return { event: values('event')[0] ?? 'message', data: json(data.join('\n')) };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
