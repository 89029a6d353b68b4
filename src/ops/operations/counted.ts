const whole = new Intl.NumberFormat('en');

/** `1 event`, `2,000 events`. */
export const counted = (n: number, noun: string, several = `${noun}s`): string =>
  `${whole.format(n)} ${n === 1 ? noun : several}`;
