import type { SubscriberStatus } from './status/subscriber-status.ts';

const whole = new Intl.NumberFormat('en');

/** `1 event`, `2,000 events`. */
export const counted = (n: number, noun: string, several = `${noun}s`): string =>
  `${whole.format(n)} ${n === 1 ? noun : several}`;

/** What has a subscriber without a worker get one, for people. */
export const howToStart = ({ name, host }: Pick<SubscriberStatus, 'name' | 'host'>): string =>
  host === 'worker'
    ? `start the Temporal worker of yours that does the work of ${name}`
    : `start \`knockon worker effects --only ${name}\``;
