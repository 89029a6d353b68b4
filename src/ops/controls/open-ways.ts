/**
 * What becomes of what a retired subscriber has open: its workers finish it, it is given up for
 * good, or another subscriber does it.
 */
export const openWays = ['finish', 'discard', 'hand_over'] as const;

export type OpenWay = (typeof openWays)[number];
