/** A message as the API takes it. */
export interface Posted {
  author: string;
  text: string;
}

const words =
  `the deploy is through we saw errors on staging after merge can you look at logs it works for me now thanks
  retry payment webhook invoice customer refund coupon subscription api key rate limit timeout docs example node python test live
  mode checkout session intent card declined network release branch review please update version today tomorrow meeting`.split(
    /\s+/,
  );

/** The same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Chat lines of 5 to 30 words by fifty people; one in ten mentions somebody. */
export function messages(count: number): Posted[] {
  const next = numbers(42);
  const person = () => `person${next(50)}`;
  return Array.from({ length: count }, () => {
    const text = Array.from({ length: 5 + next(26) }, () => words[next(words.length)]!).join(' ');
    return { author: person(), text: next(10) === 0 ? `@${person()} ${text}` : text };
  });
}
