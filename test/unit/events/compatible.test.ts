import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCheck } from '../../../src/events/schema/check.ts';
import { incompatibilities } from '../../../src/events/schema/compare/incompatibilities.ts';
import { schemaIssues } from '../../../src/events/schema/schema-issues.ts';
import { processorTime } from '../../harness/processor-time.ts';

type Schema = Record<string, unknown>;

const object = (properties: Schema, more: Schema = {}): Schema => ({
  type: 'object',
  properties,
  ...more,
});
const closed = { additionalProperties: false };
const text = { type: 'string' };
const a = (schema: unknown) => object({ a: schema as Schema });
const kinds = (...names: string[]) => ({
  oneOf: names.map((kind) => object({ kind: { const: kind } }, { required: ['kind'] })),
});

describe('a change of a schema is compatible', () => {
  it.each<[string, Schema, Schema]>([
    [
      'nothing but words',
      object({ a: text }),
      object({ a: { ...text, title: 'A' } }, { $comment: 'x' }),
    ],
    ['another field that may be left out', a(text), object({ a: text, b: { type: 'number' } })],
    [
      'the same where there were no other fields',
      object({ a: text }, closed),
      object({ a: text, b: text }, closed),
    ],
    ['a field need not be there any more', object({ a: text }, { required: ['a'] }), a(text)],
    ['a field is not named any more', object({ a: text, b: text }), a(text)],
    ['other fields are allowed', object({ a: text }, closed), a(text)],
    ['one value more', a({ enum: ['x'] }), a({ enum: ['x', 'y'] })],
    ['any text instead of some', a({ enum: ['x', 'y'] }), a(text)],
    ['one type more', a(text), a({ type: ['string', 'null'] })],
    ['the same as alternatives', a(text), a({ anyOf: [text, { type: 'null' }] })],
    [
      'alternatives become a list of types',
      a({ anyOf: [text, { type: 'null' }] }),
      a({ type: ['null', 'string'] }),
    ],
    [
      'numbers instead of whole ones',
      a({ type: 'integer', minimum: 1 }),
      a({ type: 'number', exclusiveMinimum: 0 }),
    ],
    ['wider bounds', a({ ...text, maxLength: 5, minLength: 2 }), a({ ...text, maxLength: 9 })],
    ['no pattern any more', a({ ...text, pattern: '^x' }), a(text)],
    [
      'a coarser grid',
      a({ type: 'integer', multipleOf: 6 }),
      a({ type: 'integer', multipleOf: 3 }),
    ],
    [
      'a finer grid of fractions',
      object({ n: { type: 'number', multipleOf: 0.1 }, m: { multipleOf: 0.3 } }),
      object({ n: { type: 'number', multipleOf: 0.01 }, m: { multipleOf: 0.1 } }),
    ],
    ['whole numbers become halves', a({ type: 'integer' }), a({ multipleOf: 0.5 })],
    [
      'entries that may be more',
      a({ type: 'array', items: { const: 1 } }),
      a({ type: 'array', items: { type: 'integer' } }),
    ],
    ['one kind more', a(kinds('x', 'y')), a(kinds('x', 'y', 'z'))],
    [
      'a part moves into $defs',
      a(object({ b: text })),
      { ...a({ $ref: '#/$defs/b' }), $defs: { b: object({ b: text }) } },
    ],
    [
      'a tree gets a field',
      object({ c: { $ref: '#' } }, closed),
      object({ c: { $ref: '#' }, d: text }, closed),
    ],
  ])('%s', (_, older, newer) => {
    expect(incompatibilities(older, newer)).toEqual([]);
  });
});

describe('a change of a schema is incompatible', () => {
  it.each<[string, Schema, Schema, string, string]>([
    [
      'a field must be there',
      a(text),
      object({ a: text }, { required: ['a'] }),
      'properties.a',
      'required',
    ],
    ['one type less', a({ type: ['string', 'null'] }), a(text), 'properties.a.type', 'null'],
    ['another type', a(text), a({ type: 'number' }), 'properties.a.type', 'string'],
    ['one value less', a({ enum: ['x', 'y'] }), a({ enum: ['x'] }), 'properties.a', '"y"'],
    ['some text instead of any', a(text), a({ enum: ['x'] }), 'properties.a.enum', 'lists'],
    [
      'narrower bounds',
      a({ ...text, maxLength: 9 }),
      a({ ...text, maxLength: 5 }),
      'properties.a.maxLength',
      'less',
    ],
    [
      'whole numbers only',
      a({ type: 'number' }),
      a({ type: 'integer' }),
      'properties.a.type',
      'number',
    ],
    [
      'another pattern',
      a({ ...text, pattern: 'x' }),
      a({ ...text, pattern: 'y' }),
      'properties.a.pattern',
      "can't be compared",
    ],
    [
      'a format',
      a(text),
      a({ ...text, format: 'email' }),
      'properties.a.format',
      "can't be compared",
    ],
    [
      'no other fields any more',
      a(text),
      object({ a: text }, closed),
      'additionalProperties',
      'nothing',
    ],
    [
      'a field is gone where others are not allowed',
      object({ a: text, b: text }, closed),
      object({ a: text }, closed),
      'properties.b',
      'nothing',
    ],
    [
      'a field where any were expected',
      object({}, { additionalProperties: true }),
      a(text),
      'properties.a.type',
      'number',
    ],
    ['one kind less', a(kinds('x', 'y')), a(kinds('x')), 'properties.a.oneOf', 'may not take'],
    [
      'entries narrower',
      a({ type: 'array', items: text }),
      a({ type: 'array', items: { const: 'x' } }),
      'properties.a.items.const',
      'lists',
    ],
    [
      'longer lists refused',
      a({ type: 'array' }),
      a({ type: 'array', maxItems: 3 }),
      'properties.a.maxItems',
      'less',
    ],
    [
      'a condition',
      a(text),
      object({ a: text }, { if: { required: ['a'] }, else: false }),
      'if',
      "can't be compared",
    ],
    [
      'within a tree',
      object({ c: { $ref: '#' }, d: text }),
      object({ c: { $ref: '#' }, d: { type: 'null' } }),
      'properties.d.type',
      'string',
    ],
  ])('%s', (_, older, newer, path, message) => {
    expect(incompatibilities(older, newer)).toContainEqual({
      path,
      message: expect.stringContaining(message),
    });
  });

  it('and is decided in time', () => {
    const fields = (of: object) =>
      object(
        Object.fromEntries(
          Array.from({ length: 600 }, (_, i) => [`f${i}`, { anyOf: [of, { type: 'null' }] }]),
        ),
      );
    const { result, ms } = processorTime(() =>
      incompatibilities(fields(text), fields({ type: 'number' })),
    );
    expect(result).not.toEqual([]);
    expect(ms).toBeLessThan(2000);
  });
});

const values = fc.constantFrom<unknown>(
  null,
  true,
  0,
  1,
  2,
  5,
  1.5,
  '',
  'x',
  'y',
  'xyz',
  [],
  [1],
  ['x', 1],
);

const { part } = fc.letrec<{ part: unknown }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<unknown>(
      true,
      {},
      { type: 'null' },
      { type: 'boolean' },
      { $ref: '#/$defs/d' },
    ),
    fc.record(
      {
        type: fc.constantFrom('integer', 'number'),
        minimum: fc.integer({ min: 0, max: 3 }),
        multipleOf: fc.constantFrom(1, 2, 0.1, 0.3),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constant('string'),
        minLength: fc.integer({ min: 0, max: 2 }),
        maxLength: fc.integer({ min: 1, max: 3 }),
        pattern: fc.constantFrom('^x', 'y'),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record({
      enum: fc.uniqueArray(values, {
        minLength: 1,
        maxLength: 3,
        selector: (v) => JSON.stringify(v),
      }),
    }),
    fc.record({ type: fc.constant(['string', 'null', 'number']) }),
    fc.record(
      {
        type: fc.constant('array'),
        items: tie('part'),
        prefixItems: fc.array(tie('part'), { minLength: 1, maxLength: 2 }),
        maxItems: fc.integer({ min: 0, max: 2 }),
        uniqueItems: fc.boolean(),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'x1'), tie('part'), { maxKeys: 3 }),
        required: fc.subarray(['a', 'b']),
        additionalProperties: tie('part'),
        patternProperties: fc.dictionary(fc.constantFrom('^x', '1$'), tie('part'), { maxKeys: 2 }),
        minProperties: fc.integer({ min: 0, max: 2 }),
      },
      { requiredKeys: ['type', 'additionalProperties'] },
    ),
    fc.record({ anyOf: fc.array(tie('part'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ oneOf: fc.array(tie('part'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ allOf: fc.array(tie('part'), { minLength: 1, maxLength: 2 }) }),
    fc.record({ not: tie('part') }),
    fc.constant(false),
  ),
}));

/** A schema, and one that may differ from it at few places. */
const pair = fc
  .tuple(part, part, part, part, fc.constantFrom('same', 'wider', 'other'))
  .map(([one, more, d1, d2, how]) => {
    const root = (inner: unknown, d: unknown): Schema => ({
      type: 'object',
      properties: { p: inner },
      additionalProperties: true,
      $defs: { d: JSON.stringify(d).includes('$ref') ? true : d },
    });
    const widened = { anyOf: [one, more] };
    const newer = { same: one, wider: widened, other: more }[how];
    return [root(one, d1), root(newer, how === 'other' ? d2 : d1)] as const;
  });

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    values,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'x1', 'x'), tie('value'), { maxKeys: 3 }),
  ),
}));

/** Thousands of them found nothing; each costs 30 ms. */
const RUNS = 40;

describe('what is called compatible', () => {
  it('never refuses what the older schema takes', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        pair,
        fc.array(value, { minLength: 40, maxLength: 60 }),
        ([older, newer], some) => {
          fc.pre(schemaIssues(older).length === 0 && schemaIssues(newer).length === 0);
          fc.pre(incompatibilities(older, newer).length === 0);
          compared += 1;
          const [before, now] = [compileCheck(older), compileCheck(newer)];
          for (const p of some) if (before({ p }).length === 0) expect(now({ p })).toEqual([]);
        },
      ),
      { numRuns: RUNS, maxSkipsPerRun: 100 },
    );
    expect(compared).toBe(RUNS);
  });
});
