import { expect, it } from 'vitest';
import { useApi } from './test-api.ts';

const api = useApi();

it('lets small messages in between, however many large ones come at once', async () => {
  const [busy, calm] = [await api.channel('busy'), await api.channel('calm')];
  const answered: string[] = [];
  const post = async (channel: string, text: string, what: string) => {
    const { status } = await api.post(channel, { author: 'ada', text });
    answered.push(`${what} ${status}`);
  };
  const large = Array.from({ length: 40 }, () => post(busy, 'y'.repeat(40_000), 'large'));
  await Promise.all([...large, post(calm, 'hello', 'small')]);
  expect(answered.filter((one) => one === 'large 201')).toHaveLength(40);
  expect(answered.indexOf('small 201')).toBeLessThan(20);
});
