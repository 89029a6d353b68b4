import { InvalidArgumentError } from 'commander';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isId = (text: string): boolean => uuid.test(text);

/**
 * Reads an id that was typed; what can't be one is wrong usage, before anything is asked.
 *
 * @param where a sentence that says what shows them
 */
export const idFrom =
  (where: string) =>
  (text: string): string => {
    if (isId(text)) return text;
    throw new InvalidArgumentError(
      `It must be an id such as 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70. ${where}`,
    );
  };

/** The same for several. */
export const idsFrom =
  (where: string) =>
  (text: string, before: string[] = []): string[] => [...before, idFrom(where)(text)];
