import { describe, expect, it } from 'vitest';
import { drills } from '../../../drills/index.ts';
import { readOptions } from '../../../drills/options.ts';
import { readRunbook } from '../../../drills/page/read.ts';
import { firstMissing } from '../../../drills/page/shape.ts';
import { isLoopback } from '../../../drills/product/find.ts';

const text = (block: string) =>
  `# Runbook\n\n## A symptom\n\n**See it**\n\n${block}\n\n**Practice:** \`npm run drill -- a-drill\`\n`;

describe('the commands of the runbook', () => {
  it('are read with what they show, how they end, and the part that they belong to', () => {
    const [section] = readRunbook(
      text(
        '```sh\n$ knockon doctor   # exit 1\n✗ paused\n$ knockon worker effects &\n```\n\n**Cure.**\n\n```sh\n$ true\n```',
      ),
    );
    expect(section).toMatchObject({ title: 'A symptom', drill: 'a-drill' });
    expect(section?.commands.see).toMatchObject([
      { text: 'knockon doctor', exit: 1, shown: ['✗ paused'], isBackground: false, line: 8 },
      { text: 'knockon worker effects', exit: 0, shown: [], isBackground: true },
    ]);
    expect(section?.commands.cure).toMatchObject([{ text: 'true', exit: 0 }]);
  });

  it('go on in the next line where they end with a backslash', () => {
    const [section] = readRunbook(text('```sh\n$ psql -c "select 1, \\\n    2"\n 1 | 2\n```'));
    expect(section?.commands.see).toMatchObject([
      { text: 'psql -c "select 1, 2"', shown: [' 1 | 2'] },
    ]);
  });

  it('are all there is in its blocks: anything that would not be run is refused', () => {
    expect(() => readRunbook(text('```\nknockon doctor\n```'))).toThrow('line 7');
    expect(() => readRunbook(text('```sh\nknockon doctor\n```'))).toThrow('begins with a command');
  });

  it('show what the page shows, whatever the figures, ids and moments', () => {
    const output =
      'search  active  0.1.0   3   0\nretry 01a20fdc-33e0-7833-be03-062ffc4fee67: done, 12 of 12 done.';
    expect(
      firstMissing(['search active 0.1.0 1 0', 'retry …: done, 6 of 6 done.'], output),
    ).toBeNull();
    expect(firstMissing(['search active 0.1.0 0'], output)).toBe('search active 0.1.0 0');
    expect(firstMissing(['retry …', 'search …'], output)).toBe('search …');
  });
});

describe('npm run drill', () => {
  it('suggests the name that was meant', () => {
    expect(() => readOptions(['forgoten-pause'])).toThrow('did you mean forgotten-pause?');
    expect(readOptions(['slow-search', '--cure', '--json'])).toMatchObject({
      drill: { name: 'slow-search' },
      cure: true,
      json: true,
      yes: false,
    });
    expect(readOptions([]).drill).toBeUndefined();
  });

  it('says of each drill what people say, and nothing of why', () => {
    for (const { name, complaint, summary } of drills)
      expect({ name, complaint, summary }).toEqual({
        name,
        complaint: expect.stringMatching(/^"/),
        summary: expect.any(String),
      });
  });

  it('breaks nothing that is not on this machine', () => {
    expect(
      [
        'http://127.0.0.1:3000',
        'postgres://a:b@localhost:5432/x',
        'tcp://127.0.0.1:7233',
        'http://[::1]:80',
      ].filter((url) => !isLoopback(url)),
    ).toEqual([]);
    expect(
      [
        'http://10.0.0.1',
        'https://127.0.0.1.example.com',
        'http://localhost.example.com',
        '127.0.0.1',
      ].filter(isLoopback),
    ).toEqual([]);
  });
});
