import { expect, it } from 'vitest';
import { useApi } from '../api/test-api.ts';

const api = useApi();

it('answers the page at every address of the console, with a policy that lets nothing in from elsewhere', async () => {
  for (const path of [
    '/console',
    '/console/',
    '/console/subscribers/search',
    '/console/journey/anything?x=1',
  ]) {
    const response = await api.app.request(path);
    expect({ path, status: response.status }).toEqual({ path, status: 200 });
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|http|\*/);
  }
});

it('serves what the page is made of for ever under an address that changes with it, and nothing else', async () => {
  const html = await (await api.app.request('/console')).text();
  const assets = [...html.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)].map(
    ([, url]) => url!,
  );
  expect(assets).toHaveLength(2);
  for (const url of assets) {
    const response = await api.app.request(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    const stale = await api.app.request(url.replace(/assets\/[^/]+/, 'assets/before'));
    expect(stale.headers.get('cache-control')).toBe('no-store');
    expect(stale.headers.get('content-encoding')).toBeNull();
  }
  expect(html).not.toMatch(/<script>|style=|onload/);
  expect(
    (await api.app.request('/console/assets/x/../../package.json')).headers.get('content-type'),
  ).toContain('text/html');
});
