/** Says what happens: for people a text, for programs a line of JSON with an `event`. */
export type Teller = (event: string, detail: Record<string, unknown>, text: string) => void;

export function createTeller(json: boolean): Teller {
  return (event, detail, text) => console.log(json ? JSON.stringify({ event, ...detail }) : text);
}
