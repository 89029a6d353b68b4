import { everyProcess } from './foundation.ts';
import {
  checkedText,
  choice,
  cidrs,
  duration,
  durationOrOff,
  optionalPort,
  quota,
  textOr,
  whole,
} from './setting.ts';

export const api = {
  KNOCKON_PORT: whole(3000, 0, 65_535, {
    readBy: ['api'],
    means: 'The port that the API listens on.',
    more: '0: any free port.',
  }),
  KNOCKON_RATE_LIMIT: quota('100000/1s', 'requests', '"600/1m" or "50/s"', {
    readBy: ['api'],
    means: 'Requests that a key may make, or "off".',
    more: 'The default stops only a runaway loop. `off`: any number.',
  }),
  KNOCKON_KEYLESS_LIMIT: quota('1000/1m', 'requests', '"600/1m" or "50/s"', {
    readBy: ['api'],
    means: 'Requests with a wrong key or none per address, or "off".',
    more: 'More get the answer 429. Addresses of IPv6 count by their /64. `off`: any number.',
  }),
  KNOCKON_TRUSTED_PROXIES: cidrs({
    readBy: ['api'],
    means: 'Proxies before the API, as CIDRs.',
    more: 'Their X-Forwarded-For says where a request comes from.',
  }),
  KNOCKON_DRAIN: duration('1s', {
    readBy: ['api'],
    means: 'How long a stopping API still answers while /readyz fails.',
    more: 'Load balancers notice in this time, before connections are refused.',
  }),
};

export const dispatch = {
  KNOCKON_DISPATCHER: choice(['on', 'off'], 'on', {
    readBy: ['api'],
    means: 'Whether the API process dispatches too.',
    more: '`off` where `knockon relay` runs in a process of its own.',
  }),
  KNOCKON_DISPATCH_SIZE: whole(2000, 1, 2000, {
    readBy: ['api', 'relay'],
    means: 'The most events in a dispatch.',
  }),
  KNOCKON_RELAY_AGE: duration(
    '15s',
    {
      readBy: ['api', 'relay'],
      means: 'Age at which a claim that was not started is taken over.',
      more: 'The dispatcher that claimed it is gone then. Any other may start it.',
    },
    { least: '1s' },
  ),
};

export const ledger = {
  KNOCKON_CHECK_EVERY: duration(
    '15s',
    {
      readBy: ['api'],
      means: 'How often the ledger is checked for /readyz and /metrics.',
      more: 'Several processes share one check.',
    },
    { least: '100ms' },
  ),
  KNOCKON_HEAL_AGE: durationOrOff(
    '5m',
    {
      readBy: ['api', 'relay'],
      means: 'Age at which missing effects are started again, or "off".',
      more: 'The age counts from the last start of their dispatch. `off`: never.',
    },
    { least: '100ms' },
  ),
  KNOCKON_READY_AGE: duration(
    '60s',
    {
      readBy: ['api'],
      means: '/readyz fails once an event is undispatched or an effect missing for this long.',
    },
    { least: '1s' },
  ),
  KNOCKON_PAUSED_TOO_LONG: duration('1h', {
    readBy: ['api'],
    means: 'Age at which a pause is reported.',
    more: '/readyz, /metrics and the doctor report it. /readyz does not fail for it.',
  }),
};

export const retention = {
  KNOCKON_RETENTION_EVENTS: durationOrOff(
    'off',
    {
      readBy: ['api', 'relay'],
      means: 'How long completed events are kept, such as 90d, or "off".',
      more:
        'An event goes with everything that belongs to it, once every subscriber has done it. ' +
        '`off`: events are kept for ever.',
    },
    { most: '100y' },
  ),
  KNOCKON_RETENTION_RECEIPTS: durationOrOff(
    'off',
    {
      readBy: ['api', 'relay'],
      means: 'How long receipts of completed effects are kept, or "off".',
      more:
        'If an event without receipts is replayed, its effects happen again. ' +
        '`off`: as long as events.',
    },
    { most: '100y' },
  ),
};

export const allProcesses = {
  KNOCKON_HOST: textOr('127.0.0.1', 'must be an address of this machine', {
    readBy: everyProcess,
    means: 'The address that the process listens on.',
    more: 'It holds for the API and for KNOCKON_METRICS_PORT.',
  }),
  KNOCKON_METRICS_PORT: optionalPort({
    readBy: everyProcess,
    means: 'A port for /healthz, /readyz and /metrics, without a key.',
    more:
      "It answers even when the API's own port is busy. Strangers must not reach it. " +
      'Each process of one machine needs its own. 0: any free port, which the log names. ' +
      "On the API's own port /metrics needs an operator's key, unless KNOCKON_HOST is loopback.",
  }),
  KNOCKON_KEEP_ALIVE: duration(
    '65s',
    {
      readBy: everyProcess,
      means: 'How long a connection may rest between two requests.',
      more:
        'It must be longer than in the load balancer in front, where 60 s is usual. ' +
        'Otherwise some requests meet a closing connection.',
    },
    { least: '1s' },
  ),
  KNOCKON_SHUTDOWN: duration('30s', {
    readBy: everyProcess,
    means: 'How long a stopping process lets its work finish.',
  }),
  KNOCKON_VERSION: checkedText('must have 100 characters at most', (text) => text.length <= 100, {
    readBy: everyProcess,
    means: 'The name of this build, such as a commit.',
    more: 'It tells workers of two versions apart.',
    unset: "the package's version",
  }),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', {
    readBy: everyProcess,
    means: 'The least important log lines that are written.',
  }),
};
