import { expect, it } from 'vitest';
import { CallSlots } from '../../../src/activities/runtime/call-slots.ts';

const never = new AbortController().signal;

it('gives so many, and the next when one comes back', async () => {
  const slots = new CallSlots(2);
  await slots.take(never);
  expect(slots.tryTake()).toBe(true);
  expect(slots.tryTake()).toBe(false);
  const third = slots.take(never);
  slots.release();
  await third;
  expect(slots.free).toBe(0);
});

it('gives another for each call that only waits, up to so many', () => {
  const slots = new CallSlots(1, 2);
  const waits = [];
  for (let i = 0; i < 3; i++) {
    expect(slots.tryTake()).toBe(true);
    waits.push(slots.waits());
  }
  expect(slots.tryTake()).toBe(false);
  slots.release();
  waits[0]?.();
  expect(slots.tryTake()).toBe(true);
});

it('counts a call that has waited as working again, once however often it says so', () => {
  const slots = new CallSlots(1, 5);
  slots.tryTake();
  const over = slots.waits();
  expect(slots.free).toBe(1);
  over();
  over();
  expect(slots.free).toBe(0);
  slots.release();
  expect(slots.free).toBe(1);
});

it('wakes who asks as soon as a call only waits', async () => {
  const slots = new CallSlots(1, 1);
  slots.tryTake();
  const next = slots.take(never);
  slots.waits();
  await next;
});

it('keeps none for who has given up asking', async () => {
  const slots = new CallSlots(1);
  slots.tryTake();
  const impatient = new AbortController();
  const asked = slots.take(impatient.signal);
  impatient.abort(new Error('no longer'));
  await expect(asked).rejects.toThrow('no longer');
  slots.release();
  expect(slots.tryTake()).toBe(true);
});

it('keeps none for who gives up at the moment that one is free', async () => {
  const slots = new CallSlots(1);
  slots.tryTake();
  const impatient = new AbortController();
  const asked = slots.take(impatient.signal);
  const next = slots.take(never);
  slots.release();
  impatient.abort(new Error('no longer'));
  await expect(asked).rejects.toThrow('no longer');
  await next;
});
