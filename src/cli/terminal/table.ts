import Table from 'cli-table3';
import { styled, type Terminal } from './output.ts';
import { oneLine } from './visible.ts';

/**
 * A table with a head line, without boxes, so that it can be cut and piped. Null and undefined are
 * shown as a dash.
 */
export function table(
  terminal: Terminal,
  head: string[],
  rows: (string | number | null | undefined)[][],
  rightFrom = head.length,
): string {
  const border = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const inner = {
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const drawn = new Table({
    head: head.map((title) => styled(terminal, 'bold', title)),
    chars: { ...border, ...inner },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: head.map((_, place) => (place >= rightFrom ? 'right' : 'left')),
  });
  drawn.push(...rows.map((row) => row.map((cell) => oneLine(String(cell ?? '–')))));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
