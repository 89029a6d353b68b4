import { expect, it } from 'vitest';
import { namingOf } from '../../../src/transport/naming.ts';

const id = '019b0000-0000-7000-8000-000000000000';

it('names things as they are where the deployment has no name', () => {
  const naming = namingOf(undefined);
  expect(naming.workflowQueue).toBe('workflows');
  for (const name of ['effects.search', id, `${id}.2`, `retry.${id}`, 'something else']) {
    expect(naming.of(name)).toBe(name);
    expect(naming.own(name)).toBe(name);
  }
});

it('puts the deployment’s name before everything', () => {
  const naming = namingOf('eu');
  expect(naming.workflowQueue).toBe('eu.workflows');
  for (const name of ['effects.search', id, `${id}.2`, `retry.${id}`]) {
    expect(naming.of(name)).toBe(`eu.${name}`);
    expect(naming.own(`eu.${name}`)).toBe(name);
    expect(naming.own(name)).toBe(name);
  }
});

it.each([undefined, 'eu'])('tells another deployment’s workflows, as %s', (deployment) => {
  const { own } = namingOf(deployment);
  for (const name of [id, `${id}.2`, `retry.${id}`]) expect(own(`us.${name}`)).toBeNull();
});
