import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent, EventSchemaError } from '../../../src/events/index.ts';
import { compile } from '../../../src/events/schema/ajv.ts';
import { compileCheck } from '../../../src/events/schema/check.ts';
import { withinEffort } from '../../../src/events/schema/effort.ts';
import { schemaIssues } from '../../../src/events/schema/schema-issues.ts';
import { processorTime } from '../../harness/processor-time.ts';

const object = (properties: Record<string, unknown>, more = {}) => ({
  type: 'object',
  properties,
  ...more,
});

describe('a payload’s check', () => {
  const check = compileCheck(
    object(
      {
        id: { type: 'string', format: 'uuid' },
        lines: { type: 'array', items: object({ amount: { type: 'integer', minimum: 1 } }) },
        state: { enum: ['open', 'paid'] },
        code: { type: 'string', pattern: '^[A-Z]{2}\\d+$' },
      },
      { required: ['id'], additionalProperties: false },
    ),
  );

  it('says nothing of what fits', () => {
    expect(
      check({ id: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70', lines: [{ amount: 2 }], code: 'AB1' }),
    ).toEqual([]);
  });

  it('names each field that does not fit, and says why', () => {
    expect(
      check({ lines: [{ amount: 2 }, { amount: 0.5 }], state: 'lost', code: 'x', more: 1 }),
    ).toEqual([
      { path: 'id', message: 'is missing' },
      { path: 'more', message: 'is not a known field' },
      { path: 'lines.1.amount', message: 'must be a whole number' },
      { path: 'lines.1.amount', message: 'must be >= 1' },
      { path: 'state', message: 'must be "open" or "paid"' },
      { path: 'code', message: 'must match pattern "^[A-Z]{2}\\d+$"' },
    ]);
  });

  it('refuses what is no object', () => {
    expect(check([])).toEqual([{ path: '', message: 'must be a JSON object' }]);
  });

  it('takes no inherited property for one that is there', () => {
    const needs = compileCheck(object({}, { required: ['constructor', '__proto__'] }));
    expect(needs({}).map(({ path }) => path)).toEqual(['constructor', '__proto__']);
  });

  it.each([
    [0.01, [19.99, 0.07, 4.35, -0.07, 0, 1e22, 1e300, 90071992547409.91], [0.015, 1e-10, 4.351]],
    [1e-7, [1e-7, 3e-7, 0.3, 1e300], [1.5e-7, 1e-8]],
    [0.1, [0.3, 1e-1, 7], [0.30000000000000004, 0.25]],
    [2.5, [5, 7.5, 1e21], [6, 5e-324]],
    [3, [9, 9007199254740990, 3e21], [9007199254740991, 1e22, 0.3]],
    [1e300, [1e300, 3e300], [1, 1.5e300]],
  ])('takes multiples of %d as they are written in decimal', (multipleOf, fit, others) => {
    const multiple = compileCheck(object({ n: { multipleOf } }));
    for (const n of fit) expect({ n, issues: multiple({ n }) }).toEqual({ n, issues: [] });
    const message = `must be multiple of ${multipleOf}`;
    for (const n of others) expect(multiple({ n })).toEqual([{ path: 'n', message }]);
  });

  it('never throws, whatever parts refer to each other', () => {
    const part = { $ref: '#/$defs/most', patternProperties: { '^x': { type: 'integer' } } };
    const most = { maxProperties: 2, dependentSchemas: { a: { $ref: '#/$defs/part' } } };
    const recursive = compileCheck(
      object({ it: { $ref: '#/$defs/part' } }, { $defs: { part, most } }),
    );
    expect(recursive({ it: { x1: 1 } })).toEqual([]);
    expect(recursive({ it: { x1: 'one' } })).toMatchObject([{ path: 'it.x1' }]);
  });

  it('compares with a text that is like the code of a check', () => {
    const text = 'vErrors === null ? a.errors : vErrors.concat(a.errors)';
    expect(compileCheck(object({ it: { const: text } }))({ it: text })).toEqual([]);
  });

  const long = 'a'.repeat(250_000);
  const nested = JSON.parse(`${'['.repeat(60)}${']'.repeat(60)}`);
  const lists = { type: 'array', items: { $ref: '#/$defs/list' } };
  const list = {
    anyOf: [
      { ...lists, minItems: 2 },
      { ...lists, maxItems: 1, minItems: 1 },
      { ...lists, contains: { const: 5 } },
    ],
  };
  /** A part that is looked at 2^levels times. */
  const doubled = (part: object, levels = 18) => ({
    $ref: `#/properties/it/$defs/double${levels}`,
    $defs: Object.fromEntries(
      Array.from({ length: levels + 1 }, (_, level) => {
        const $ref = `#/properties/it/$defs/double${level - 1}`;
        return [`double${level}`, level === 0 ? part : { allOf: [{ $ref }, { $ref }] }];
      }),
    ),
  });
  const objects = Array.from({ length: 400 }, (_, n) => ({ n }));
  it.each([
    ['alternatives that lead to each other', list, nested],
    ['like alternatives', { oneOf: [lists, { ...lists }] }, nested],
    [
      'many alternatives of many entries',
      { contains: { anyOf: Array.from({ length: 300 }, () => ({ const: 5 })) } },
      Array.from({ length: 20_000 }, () => 1),
    ],
    ['the length of a long text, many times', doubled({ minLength: 1 }), long],
    ['a format, many times', doubled({ format: 'uri' }), `http://${'a.'.repeat(2040)}`],
    ['unique entries, many times', doubled({ uniqueItems: true }, 6), [...Array(40_000).keys()]],
    [
      'many fields and many objects that they may be',
      doubled({ enum: [...objects, { l: 1 }] }, 4),
      Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n])),
    ],
  ])('is refused where it takes too long: %s', (_, part, value) => {
    const check = compileCheck(object({ it: part }, { $defs: { list: part } }));
    const { result: issues, ms } = processorTime(() => check({ it: value }));
    expect(issues).toEqual([{ path: '', message: expect.stringContaining('takes too long') }]);
    expect(ms).toBeLessThan(1000);
  });

  it('keeps a part of the errors where alternatives lead to each other', () => {
    const validate = compile(object({ it: list }, { $defs: { list } }));
    const shallow = JSON.parse(`${'['.repeat(11)}${']'.repeat(11)}`);
    expect(withinEffort(() => validate({ it: shallow }))).toBe(false);
    expect(validate.errors!.length).toBeLessThan(300);
  });

  it.each([
    ['many numbers', { items: { type: 'number' }, uniqueItems: true }, 40_000, (n: number) => n],
    [
      'many objects of alternatives',
      { items: { anyOf: [1, 2, 3, 4, 5].map((kind) => object({ kind: { const: kind } })) } },
      10_000,
      (n: number) => ({ kind: 1 + (n % 5), text: 'text' }),
    ],
    [
      'many fields of any name',
      { items: { additionalProperties: { type: 'string' } } },
      2000,
      () => Object.fromEntries(Array.from(long.slice(0, 10), (text, n) => [`k${n}`, text])),
    ],
  ])('is done where it is large and usual: %s', (_, part, length, entry) => {
    const check = compileCheck(object({ it: part }));
    expect(check({ it: Array.from({ length }, (_, n) => entry(n)) })).toEqual([]);
  });

  it.each([
    ['a pattern that JavaScript would try in vain for ages', { pattern: '^(a+)+$' }, `${long}!`],
    ['a large pattern on a long text', { pattern: '^(a{1,20}){1,20}b$' }, long],
    ['a format on a long text', { format: 'email' }, `a@${long}!`],
    ['many equal entries', { uniqueItems: true }, Array.from({ length: 80_000 }, () => ({}))],
    [
      'alternatives that call each other',
      { $ref: '#/$defs/a' },
      JSON.parse(`${'{"x":'.repeat(90)}1${'}'.repeat(90)}`),
    ],
    ['a schema that leads to itself', { $ref: '#/$defs/self' }, 1],
    [
      'many entries that don’t fit a part of their own',
      { items: { $ref: '#/$defs/a' } },
      Array.from({ length: 80_000 }, () => ({ x: {} })),
    ],
  ])('ends in time: %s', (_, part, value) => {
    const again = { properties: { x: { $ref: '#/$defs/a' } }, required: ['no'] };
    const slow = compileCheck(
      object(
        { it: part },
        { $defs: { a: { anyOf: [again, again] }, self: { $ref: '#/$defs/self' } } },
      ),
    );
    const { result: issues, ms } = processorTime(() => slow({ it: value }));
    expect(ms).toBeLessThan(1000);
    expect(issues).not.toEqual([]);
  });
});

describe('a declaration', () => {
  it('says in JSON Schema what zod takes', () => {
    const type = defineEvent('schema.told', {
      payload: z.object({ id: z.uuid(), mail: z.email(), note: z.string().optional() }),
    });
    expect(schemaIssues(type.schema)).toEqual([]);
    expect(type.check({ id: 'x', mail: 'a@example.com' })).toMatchObject([{ path: 'id' }]);
  });

  it('takes flags that change nothing, and that a text is in lower case', () => {
    const type = defineEvent('text.said', {
      payload: z.object({
        s: z
          .string()
          .regex(/^\p{L}+$/u)
          .lowercase(),
      }),
    });
    expect(type.check({ s: 'é' })).toEqual([]);
    expect(type.check({ s: 'A' })).not.toEqual([]);
  });

  it('checks refinements of zod too', () => {
    const type = defineEvent('number.refined', {
      payload: z.object({ n: z.number().refine((n) => n % 2 === 0, { message: 'must be even' }) }),
    });
    expect(type.check({ n: 3 })).toEqual([{ path: 'n', message: 'must be even' }]);
    expect(type.check({ n: 4 })).toEqual([]);
  });

  it('takes amounts of money that zod takes', () => {
    const type = defineEvent('amount.given', {
      payload: z.object({ amount: z.number().multipleOf(0.01) }),
    });
    for (const amount of [19.99, 0.07, 4.35]) expect(type.check({ amount })).toEqual([]);
    expect(type.check({ amount: 0.001 })).toMatchObject([{ path: 'amount' }]);
  });

  it('takes a JSON Schema', () => {
    const type = defineEvent<{ n: number }>('number.sent', {
      payload: { type: 'object', properties: { n: { type: 'number' } }, description: 'A number.' },
      examples: [{ n: 1 }],
    });
    expect(type).toMatchObject({ version: 1, description: 'A number.' });
    expect(type.check({ n: 'x' })).toEqual([{ path: 'n', message: 'must be a number' }]);
  });

  it.each([
    ['what JSON can’t say', { payload: z.object({ at: z.date() }) }, 'JSON Schema'],
    ['transforms', { payload: z.object({ n: z.string().transform(Number) }) }, 'transforms'],
    ['a flag', { payload: z.object({ s: z.string().regex(/^abc$/i) }) }, '/^abc$/i has flags'],
    ['a flag of a name', { payload: z.record(z.string().regex(/^a$/im), z.int()) }, 'has flags'],
    ['a flag of a format', { payload: z.object({ s: z.email({ pattern: /a/s }) }) }, 'has flags'],
    ['trimming', { payload: z.object({ s: z.string().trim() }) }, '.trim()'],
    ['lower case', { payload: z.object({ s: z.array(z.string().toLowerCase()) }) }, '.trim()'],
    ['another value', { payload: z.object({ s: z.string().catch('x') }) }, '.catch()'],
    ['no schema', { payload: { type: 'objekt' } }, 'payload is refused: type must be'],
    [
      'an example that does not fit',
      { payload: z.object({ n: z.number() }), examples: [{ n: 'x' }] },
      'examples.0',
    ],
  ])('is refused: %s', (_, options, why) => {
    const declare = () => defineEvent('thing.refused', options as never);
    expect(declare).toThrow(EventSchemaError);
    expect(declare).toThrow(why);
  });
});
