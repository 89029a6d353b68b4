import type { SubscriberStatus } from './subscriber-status.ts';

/** What has a subscriber without a worker get one, for people. */
export const howToStart = ({ name, host }: Pick<SubscriberStatus, 'name' | 'host'>): string =>
  host === 'worker'
    ? `start the Temporal worker of yours that does the work of ${name}`
    : `start \`knockon worker effects --only ${name}\``;
