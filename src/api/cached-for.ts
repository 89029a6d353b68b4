/**
 * Makes something at most once in `ms`. Calls while it is made, and until then, get the same. A
 * failure goes to the calls that waited for it, and the next call tries again.
 */
export function cachedFor<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  let until = 0;
  let isUnderWay = false;
  return () => {
    if (made && (isUnderWay || performance.now() < until)) return made;
    until = performance.now() + ms;
    isUnderWay = true;
    made = make();
    const ended = () => {
      isUnderWay = false;
    };
    made.then(ended, () => {
      ended();
      until = 0;
    });
    return made;
  };
}
