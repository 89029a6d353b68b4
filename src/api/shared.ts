/**
 * Makes something at most once in so many ms: who asks while it is made, or until then, gets the
 * same. A failure is told to those who waited for it, and the next tries again.
 */
export function shared<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
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
