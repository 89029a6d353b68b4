import type { Bad } from './habit.ts';
import { together } from './habit.ts';

/** As long as a text may be, and each hard for whoever looks for mentions in it. */
const pathological = [
  `@a${']'.repeat(39_990)}`,
  '['.repeat(40_000),
  '@['.repeat(20_000),
  `${'a.'.repeat(19_990)}@b`,
  `@${'a.'.repeat(19_990)}`,
  '@a'.repeat(20_000),
];

export const texts: Bad = {
  name: 'texts',
  does: 'texts of 40,000 characters that are hard to look through: 60 at once every 15 s',
  async settleIn(ground) {
    const tenant = await ground.tenant();
    return [
      {
        everyMs: 15_000,
        atOnce: 2,
        act: (n) =>
          together(60, (i) =>
            ground.post(tenant, pathological[(n * 60 + i) % pathological.length]!),
          ),
      },
    ];
  },
};

/** 36,000 characters of four bytes each, and 16 KB of metadata: 160 KB. */
const large = '🌊'.repeat(36_000);
const metadata = { large: 'x'.repeat(16_000) };

export const volumes: Bad = {
  name: 'volumes',
  does: 'messages of 160 KB: one a second, and 25 at once every 20 s',
  async settleIn(ground) {
    const tenant = await ground.tenant();
    const one = () => ground.post(tenant, large, metadata);
    return [
      { everyMs: 1000, atOnce: 10, act: one },
      { everyMs: 20_000, atOnce: 2, act: () => together(25, one) },
    ];
  },
};
