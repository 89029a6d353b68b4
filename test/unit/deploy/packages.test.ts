import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

interface Package {
  name?: string;
  engines?: { node?: string };
}

/** The oldest Node that we run on, as `engines` says: 20.19. */
const oldest = 20_019;

/** Whether each part of a range begins above {@link oldest}. */
const isNewer = (range: string) =>
  range.split('||').every((part) => {
    const [, major = 0, minor = 0] = /^\s*[>^~=]*\s*(\d+)(?:\.(\d+))?/.exec(part) ?? [];
    return Number(major) * 1000 + Number(minor) > oldest;
  });

it.each(['', 'bench/'])(
  'npm ci in ./%s installs nothing that reports home, and warns of no engine',
  async (folder) => {
    const lock = JSON.parse(
      await readFile(new URL(`../../../${folder}package-lock.json`, import.meta.url), 'utf8'),
    ) as {
      packages: Record<string, Package>;
    };
    const packages = Object.entries(lock.packages);
    const scarf = packages.filter(
      ([path, { name }]) => path.endsWith('@scarf/scarf') && name !== 'empty-npm-package',
    );
    expect(scarf.map(([path]) => path)).toEqual([]);
    // pg-boss asks for Node 22 and is tested here with 20.19: where npm has put its wish back, take
    // it out of package-lock.json again.
    const warned = packages.filter(([, { engines }]) => engines?.node && isNewer(engines.node));
    expect(warned.map(([path, { engines }]) => `${path} wants ${engines!.node}`)).toEqual([]);
  },
);
