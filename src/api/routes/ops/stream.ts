import { z } from '@hono/zod-openapi';
import type { Live, Told } from '../../../ops/live.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { Problem } from '../../problem.ts';
import { forOperators, operation, router } from '../../router.ts';

const stream = operation({
  method: 'get',
  path: '/v1/ops/stream',
  ...forOperators,
  summary: 'Rates, backlogs and lag as they change, as server-sent events',
  description:
    'Begins with the event `recent`: a list of samples, oldest first, as far as somebody has been looking in the last five minutes. Then a ' +
    '`sample` about every two seconds: `{at, messages_per_second, undispatched_seconds, subscribers: [{name, state, rate, error_rate, ' +
    'backlog, backlog_age_seconds, workers, dead_letters}]}`, or `trouble`: `{detail}` where that can not be found out just now.',
  responses: { 200: { description: 'A stream without end.', content: { 'text/event-stream': { schema: z.string() } } } },
});

/** How often something is said, so that proxies keep the connection, and it is asked whether who listens still may; in ms. */
const HEARTBEAT = 10_000;
/** After how long a browser comes again whose connection was lost, in ms. */
const RETRY = 1000;
/** A listener that is so many messages behind gets none until it has caught up: the next sample says it all. */
const BEHIND = 16;

const message = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** What is live. */
export const streamRoutes = ({ live }: ApiDependencies) =>
  router().openapi(stream, (c) => {
    if (!live) throw new Problem(503, 'This process shows nothing live.', { headers: { 'retry-after': '30' } });
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
    return c.body(streamOf(live, c.get('stillThere')), 200, headers);
  });

function streamOf(live: Pick<Live, 'watch'>, mayStay: () => Promise<boolean>): ReadableStream<Uint8Array> {
  const text = new TextEncoder();
  let [isOver, beat, stop] = [false, undefined as NodeJS.Timeout | undefined, () => {}];
  const leave = () => {
    isOver = true;
    clearInterval(beat);
    stop();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const say = (line: string) => !isOver && (controller.desiredSize ?? 0) > 0 && controller.enqueue(text.encode(line));
        const end = () => {
          if (isOver) return;
          leave();
          controller.close();
        };
        const tell = (told: Told) => {
          if ('end' in told) end();
          else say('sample' in told ? message('sample', told.sample) : message('trouble', { detail: told.trouble }));
        };
        say(`retry: ${RETRY}\n\n`);
        beat = setInterval(() => {
          say(': still here\n\n');
          // While that can't be found out, the stream goes on and says so itself.
          mayStay()
            .then((may) => may || end())
            .catch(() => {});
        }, HEARTBEAT);
        const watched = live.watch(tell);
        stop = watched.stop;
        say(message('recent', watched.recent));
      },
      cancel: leave,
    },
    { highWaterMark: BEHIND },
  );
}
