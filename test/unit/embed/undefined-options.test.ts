import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

// Nothing is compiled: that takes as long as all other tests of this folder together.
test.each([
  ['src/client/client.ts', ['CallOptions', 'CreateOptions']],
  ['src/client/send.ts', ['ClientOptions', 'Call']],
  ['src/client/webhooks.ts', ['WebhookToVerify']],
  ['src/embed/connect.ts', ['ConnectOptions']],
  ['src/embed/run-effects.ts', ['RunEffectsOptions']],
  ['src/events/catalogue.ts', ['EventOptions']],
  ['src/outbox/new-event.ts', ['NewEvent']],
  ['src/activities/runtime/effect.ts', ['Options', 'WorkspaceLimit']],
  ['src/activities/runtime/outcomes.ts', ['Aside']],
  ['src/testing/call.ts', ['CallOptions']],
  ['src/testing/fan-out.ts', ['FanOutOptions', 'RunOptions']],
])('options of %s take undefined, as exactOptionalPropertyTypes needs it (%j)', (file, names) => {
  const source = readFileSync(file, 'utf8');
  for (const name of names) {
    const [, body] = new RegExp(`interface ${name}\\b.*?\\{\\n(.*?)\\n\\}`, 's').exec(source) ?? [];
    const members = body!.match(/\w+\?:[^;{]*(?:\{[^}]*\}[^;]*)?;/g)!;
    expect(members.length).toBeGreaterThan(0);
    for (const member of members) expect(member).toMatch(/\| undefined;$/);
  }
});
