import { describe, expect, it } from 'vitest';
import { freshDatabase } from '../../harness/database.ts';
import { knockon } from './start-knockon.ts';

const secret = 'x'.repeat(32);

describe('the command line', () => {
  it('names every missing or malformed setting at once, without a stack, and ends with 78', async () => {
    const { code, stderr } = await knockon(['api'], {
      KNOCKON_PORT: 'eighty',
      KNOCKON_SECRET: 'short',
    });
    expect(code).toBe(78);
    expect(stderr).toContain('DATABASE_URL is not set');
    expect(stderr).toContain('KNOCKON_PORT is "eighty"');
    expect(stderr).toContain('KNOCKON_SECRET');
    expect(stderr).not.toContain('short');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('suggests the near spelling of a setting it does not know', async () => {
    const { code, stderr } = await knockon(['relay'], {
      DATABASE_URL: 'postgres://localhost/x',
      KNOCKON_SECRET: secret,
      KNOCKON_PROT: '1',
    });
    expect(code).toBe(78);
    expect(stderr).toContain('did you mean KNOCKON_PORT?');
  });

  it('suggests the near command, and ends with 2 on wrong usage', async () => {
    const { code, stderr } = await knockon(['wroker']);
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean worker?');
  });

  it('names the effects there are where --only names one there is not', async () => {
    const env = {
      DATABASE_URL: 'postgres://localhost:1/x',
      KNOCKON_SECRET: secret,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    };
    const { code, stderr } = await knockon(['worker', 'effects', '--only', 'serach'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('serach');
    expect(stderr).toContain('analytics');
  });

  it('says which variables a process needs in its help', async () => {
    const { code, stdout } = await knockon(['worker', 'effects', '--help']);
    expect(code).toBe(0);
    for (const name of ['DATABASE_URL', 'KNOCKON_SECRET', 'SMTP_URL', 'KNOCKON_WEBHOOK_ALLOW'])
      expect(stdout).toContain(name);
  });

  it('migrates a database, again without harm', async () => {
    const { url, close } = await freshDatabase();
    const { code, stdout } = await knockon(['migrate', '--json'], { DATABASE_URL: url });
    await close();
    expect({ code, answer: JSON.parse(stdout) }).toEqual({
      code: 0,
      answer: { migrated: true, applied: [] },
    });
  });

  it('tells where no database answers instead of showing a stack', async () => {
    const { code, stderr } = await knockon(['migrate'], {
      DATABASE_URL: 'postgres://knockon@127.0.0.1:1/knockon',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('ECONNREFUSED');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('refuses a malformed setting before `up` starts anything', async () => {
    const { code, stderr } = await knockon(['up', '--port', '0'], {
      KNOCKON_EMAIL_GRACE: 'soon',
      KNOCKON_HOME: '/nonexistent/home',
    });
    expect(code).toBe(78);
    expect(stderr).toContain('KNOCKON_EMAIL_GRACE is "soon"');
  });

  it('refuses a port that is none', async () => {
    expect((await knockon(['up', '--port', '70000'])).code).toBe(2);
  });
});
