import { describe, expect, it } from 'vitest';
import { compileCheck } from '../../../src/events/schema/check.ts';
import { schemaIssues } from '../../../src/events/schema/schema-issues.ts';
import { processorTime } from '../../harness/processor-time.ts';

const object = (properties: Record<string, unknown>, more = {}) => ({
  type: 'object',
  properties,
  ...more,
});

describe('a schema', () => {
  it('may refer to itself', () => {
    const tree = object(
      { child: { $ref: '#' }, n: { $ref: '#/$defs/n' } },
      {
        $id: 'urn:tree',
        $defs: { n: { type: 'integer' } },
      },
    );
    expect(schemaIssues(tree)).toEqual([]);
    expect(compileCheck(tree)({ child: { child: { n: 1 } } })).toEqual([]);
    expect(compileCheck(tree)({ child: { child: { n: 'x' } } })).toMatchObject([
      { path: 'child.child.n' },
    ]);
  });

  it('may refer to any schema within, by its path and by its anchor', () => {
    const names = {
      'a/b~c d%': { type: 'integer' },
      any: true,
      n: { $anchor: 'n', type: 'integer' },
    };
    const refs = ['#', '#n', '#/$defs/a~1b~0c%20d%25', '#/$defs/any', '#/properties/0'];
    const schema = object({ ...refs.map(($ref) => ({ $ref })) }, { $defs: names });
    expect(schemaIssues(schema)).toEqual([]);
    const check = compileCheck(schema);
    expect(check({ 1: 'x', 2: 'x', 3: 'x' }).map(({ path }) => path)).toEqual(['1', '2']);
  });

  it.each([
    ['$anchor', '$ref'],
    ['$dynamicAnchor', '$ref'],
    ['$dynamicAnchor', '$dynamicRef'],
  ])('may refer to itself by its %s and a %s', (anchor, reference) => {
    const tree = object(
      { child: { [reference]: '#me' }, n: { type: 'integer' } },
      { [anchor]: 'me' },
    );
    expect(schemaIssues(tree)).toEqual([]);
    expect(compileCheck(tree)({ child: { child: { n: 'x' } } })).toMatchObject([
      { path: 'child.child.n' },
    ]);
  });

  it('may have a $dynamicRef to a part, also beside a $ref', () => {
    const n = { $dynamicRef: '#n', $ref: '#/$defs/most' };
    const schema = object(
      { n },
      { $defs: { n: { $dynamicAnchor: 'n', minimum: 1 }, most: { maximum: 9 } } },
    );
    expect(schemaIssues(schema)).toEqual([]);
    const check = compileCheck(schema);
    expect([0, 5, 10].map((value) => check({ n: value }).length)).toEqual([1, 0, 1]);
  });

  it('may have every part of the standard, and parts of its own', () => {
    const schema = object(
      {
        a: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/b' }], 'x-column': 'a' },
        c: { prefixItems: [true], contains: { const: 1 }, format: 'iri' },
      },
      { $defs: { b: { not: { type: 'null' } } }, unevaluatedProperties: false },
    );
    expect(schemaIssues(schema)).toEqual([]);
  });

  const nested = (depth: number): object =>
    depth === 0 ? { type: 'string' } : object({ x: nested(depth - 1) });
  it.each([
    ['text', 'nonsense', '', 'must be a JSON object'],
    ['another type', { type: 'string' }, 'type', 'a payload is a JSON object'],
    ['no such type', object({ a: { type: 'strin' } }), 'properties.a.type', 'must be'],
    ['a misspelt keyword', object({ a: { minlength: 1 } }), 'properties.a.minlength', 'minLength'],
    [
      'another draft',
      object({}, { $schema: 'http://json-schema.org/draft-07/schema#' }),
      '$schema',
      '2020-12',
    ],
    [
      'a remote reference',
      object({ a: { $ref: 'https://example.com/a' } }),
      'properties.a.$ref',
      '#',
    ],
    ['an $id within', object({ a: { $id: 'a' } }), 'properties.a.$id', 'at the top'],
    [
      'a reference to nothing',
      object({ a: { $ref: '#/$defs/no' } }),
      'properties.a.$ref',
      'no schema',
    ],
    [
      'a reference to what is no schema, and is not looked at',
      object({ a: { $ref: '#/examples/0' } }, { examples: [{ pattern: '(?=a)' }] }),
      'properties.a.$ref',
      'no schema',
    ],
    [
      'a reference that is malformed',
      object({ a: { $ref: '#/%' } }),
      'properties.a.$ref',
      'no schema',
    ],
    ...['allOf', 'anyOf', 'oneOf'].map((keyword): [string, object, string, string] => [
      `its own ${keyword}`,
      object({}, { [keyword]: [{ required: ['a'] }, { $ref: '#' }] }),
      `${keyword}.1.$ref`,
      'leads back to itself for the same value',
    ]),
    ...['not', 'if'].map((keyword): [string, object, string, string] => [
      `its own ${keyword}`,
      object({}, { [keyword]: { $dynamicRef: '#me' }, $dynamicAnchor: 'me' }),
      `${keyword}.$dynamicRef`,
      'leads back to itself for the same value',
    ]),
    [
      'parts that are each other',
      object(
        { a: { $ref: '#/$defs/a' } },
        { $defs: { a: { $ref: '#/$defs/b' }, b: { else: { $ref: '#a' }, $anchor: 'a' } } },
      ),
      '$defs.b.else.$ref',
      'leads back to itself for the same value',
    ],
    [
      'a part that is itself where it has a field',
      object({}, { dependentSchemas: { a: { $ref: '#' } } }),
      'dependentSchemas.a.$ref',
      'leads back to itself for the same value',
    ],
    ['a NUL in a text', object({ a: { const: 'a\0' } }), '', 'properties.a.const holds NUL'],
    ['a NUL in a name', object({ 'a\0': {} }), '', 'a name in properties holds NUL'],
    ['an unknown format', object({ a: { format: 'emial' } }), 'properties.a.format', 'email'],
    ['a pattern that is none', object({ a: { pattern: '(' } }), 'properties.a.pattern', 'RE2'],
    ['a lookahead', object({ a: { pattern: '(?=a)' } }), 'properties.a.pattern', 'RE2'],
    ['a back reference', object({ a: { pattern: '(a)\\1' } }), 'properties.a.pattern', 'RE2'],
    [
      'a pattern too large',
      object({ a: { pattern: '(a?b?c?d?){200}' } }),
      'properties.a.pattern',
      'too large',
    ],
    [
      'a pattern of names',
      object({}, { patternProperties: { '(': true } }),
      'patternProperties',
      'RE2',
    ],
    ['too deep', nested(40), '', 'deeper'],
    ['too large', object({ a: { description: 'x'.repeat(66_000) } }), '', 'bytes'],
    [
      'too many parts',
      object(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [i, {}]))),
      '',
      'schemas within',
    ],
    ['asynchronous', object({}, { $async: true }), '$async', 'no keyword'],
  ])('is refused: %s', (_, schema, path, message) => {
    expect(schemaIssues(schema)).toContainEqual({
      path,
      message: expect.stringContaining(message),
    });
  });

  it('is read in time, however it is made', () => {
    const wide = object(
      Object.fromEntries(Array.from({ length: 490 }, (_, i) => [`f${i}`, { minLength: 1 }])),
    );
    expect(schemaIssues(wide)).toEqual([]);
    expect(processorTime(() => schemaIssues(wide)).ms).toBeLessThan(3000);
  });
});
