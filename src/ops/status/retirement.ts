import type { OpenWay } from '../controls/open-ways.ts';

/** What a subscriber was retired with. */
export interface Retirement {
  by: string;
  at: string;
  open: OpenWay;
  /** Whose work what was open is instead. */
  handed_to: string | null;
  /** The operation that handles what was open. */
  operation_id: string;
}

/** The columns of `subscribers` that say so. */
export interface RetiredRow {
  retired_at: Date | null;
  retired_by: string | null;
  retired_open: Retirement['open'] | null;
  handed_to: string | null;
  retire_operation: string | null;
}

/** @returns null where it is not retired */
export function retirementOf(row: RetiredRow): Retirement | null {
  const { retired_at, retired_by, retired_open, handed_to, retire_operation } = row;
  if (retired_at === null) return null;
  return {
    by: retired_by ?? '',
    at: retired_at.toISOString(),
    open: retired_open ?? 'finish',
    handed_to,
    operation_id: retire_operation ?? '',
  };
}
