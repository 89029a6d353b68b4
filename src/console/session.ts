import { computed, effect, signal } from '@preact/signals';
import { call, refused } from './calls.ts';

/** Who is signed in. */
export interface Session {
  name: string;
  role: 'viewer' | 'operator';
  temporal_ui: string | null;
}

/** Undefined: not known yet. Null: nobody. */
export const session = signal<Session | null | undefined>(undefined);

/** Why nobody is signed in, where that needs a word. */
export const farewell = signal<string | null>(null);

/** Whether who is signed in may change anything; a viewer sees no button that does. */
export const mayAct = computed(() => session.value?.role === 'operator');

/** Asks who is signed in; while the API does not answer that stays as it was. @throws CallError */
export async function whoAmI(): Promise<void> {
  const found = await call<Session | undefined>('/v1/ops/session?optional=true');
  if (found) session.value = found;
  else end();
}

function end(): void {
  if (session.peek())
    farewell.value = 'Your session has ended. Sign in again to go on where you were.';
  session.value = null;
}

export async function signIn(key: string): Promise<void> {
  await call('/console/session', { method: 'POST', body: { key } });
  farewell.value = null;
  await whoAmI();
}

export async function signOut(): Promise<void> {
  await call('/v1/ops/session', { method: 'DELETE' });
  session.value = null;
}

effect(() => {
  if (refused.value > 0) end();
});
