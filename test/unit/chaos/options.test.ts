import { describe, expect, it } from 'vitest';
import { readOptions } from '../../../chaos/options.ts';

describe('the options of a chaos run', () => {
  it('choose one of three modes: kills, unless another is asked for', () => {
    expect(readOptions([]).mode).toBe('kills');
    expect(readOptions(['--neighbours', '--minutes', '0.5'])).toMatchObject({
      mode: 'neighbours',
      minutes: 0.5,
    });
    expect(readOptions(['--network', '--transport', 'pg-boss'])).toMatchObject({
      mode: 'network',
      transport: 'pg-boss',
    });
  });

  it('are refused where they contradict each other', () => {
    expect(() => readOptions(['--neighbours', '--network'])).toThrow('give one of them');
    expect(() => readOptions(['--network', '--freeze'])).toThrow(
      '--freeze goes with kills, not with --network',
    );
    expect(() => readOptions(['--slack', '2'])).toThrow('--slack goes with --neighbours only');
    expect(readOptions(['--neighbours', '--slack', '2']).slack).toBe(2);
  });
});
