import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { withOwnSettings } from '../../../src/workers/own-settings.ts';

const crm = () =>
  defineEffect({
    name: 'crm-sync',
    description: 'Tells the CRM.',
    on: ['message.created'],
    settings: z.object({
      CRM_SYNC_URL: z.url(),
      CRM_SYNC_TRIES: z.coerce.number().int().default(3),
      MAIL_TOKEN: z.string().min(8).optional(),
    }),
    async perform(_, { settings }) {
      const url: string = settings.CRM_SYNC_URL;
      throw new Error(`${url} ${settings.CRM_SYNC_TRIES}`);
    },
  });

const problemsOf = (env: NodeJS.ProcessEnv) => {
  try {
    withOwnSettings([crm()], env);
    return '';
  } catch (error) {
    return String(error);
  }
};

describe("settings of an effect of one's own", () => {
  it('are given to each call, with their defaults', async () => {
    const [effect] = withOwnSettings([crm()], { CRM_SYNC_URL: 'https://crm.example' });
    if (!effect || !('perform' in effect)) throw new Error('it calls the outside');
    await expect(effect.perform([], {} as never)).rejects.toThrow('https://crm.example 3');
  });

  it('are named where they are missing, malformed or unknown, all at once and without secrets', () => {
    const env = {
      CRM_SYNC_TRIES: 'many',
      CRM_SYNC_URI: 'https://crm.example',
      MAIL_TOKEN: 'short',
    };
    const problems = problemsOf(env);
    expect(problems).toContain('CRM_SYNC_URL is not set: it is for the effect "crm-sync"\n');
    expect(problems).toContain('CRM_SYNC_TRIES is "many": it is for the effect "crm-sync"');
    expect(problems).toContain('CRM_SYNC_URI is not a setting of the effect "crm-sync"');
    expect(problems).toContain('did you mean CRM_SYNC_URL?');
    expect(problems).toContain('MAIL_TOKEN is set to something');
    expect(problems).not.toContain('short');
  });

  it('do not mind what Kubernetes says of a service of the same name', () => {
    const env = { CRM_SYNC_URL: 'https://crm.example', CRM_SYNC_PORT: 'tcp://10.0.0.7:80' };
    expect(problemsOf(env)).toBe('');
  });

  it('leave an effect alone that has none', () => {
    const plain = defineEffect({
      name: 'plain',
      description: '',
      on: ['*'],
      transact: async () => {},
    });
    expect(withOwnSettings([plain], { PLAIN_TEXT: 'anything' })).toEqual([plain]);
  });

  it('must be an object of variables', () => {
    const settings = z.string() as never;
    const options = { name: 'odd', description: '', on: ['*'], settings, transact: async () => {} };
    expect(() => defineEffect(options)).toThrow('`settings` must be z.object');
  });
});
