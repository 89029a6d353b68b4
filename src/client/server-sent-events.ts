/** One message of a stream. */
export interface ServerSentEvent {
  event: string;
  /** Parsed where it is JSON. */
  data: unknown;
}

/** Reads a stream of server-sent events until it ends, or who reads stops. */
export async function* readEvents(
  open: () => Promise<Response>,
  signal?: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const { body } = await open();
  if (!body) return;
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    signal?.throwIfAborted();
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    yield* blocks.map(parse).filter((message) => message !== undefined);
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
