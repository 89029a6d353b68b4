import type { Check } from './check.ts';

/** What the clients saw while everything was killed around them. */
export const answers: Check = {
  promise: 'no request was answered 500, none wrongly, and each repeated key gave its first answer',
  async look({ journal }) {
    return {
      examined: [...journal.answers.values()].reduce((sum, count) => sum + count, 0),
      wrong: journal.wrong,
    };
  },
};
