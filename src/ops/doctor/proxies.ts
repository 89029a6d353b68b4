import { type DoctorContext, type Finding, fail } from './finding.ts';

/** Says nothing where nobody has forwarded anything: then there is no proxy, or it is named. */
export async function checkProxies({ unnamedProxy }: DoctorContext): Promise<Finding[]> {
  const address = unnamedProxy?.() ?? null;
  if (address === null) return [];
  const proxy = `a proxy at ${address}`;
  const detail = `requests come through ${proxy}, which KNOCKON_TRUSTED_PROXIES does not name`;
  return [
    fail(
      'proxies',
      detail,
      "Name it there as a CIDR: until then all who come through it have one address' quota of " +
        'failed keys.',
    ),
  ];
}
