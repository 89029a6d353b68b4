import { proxyActivities } from '@temporalio/workflow';

const effects = ['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'];
const { happen } = proxyActivities({ startToCloseTimeout: '30s' });

export async function onMessageCreated(id) {
  await Promise.all(effects.map((effect) => happen(effect, id)));
}
