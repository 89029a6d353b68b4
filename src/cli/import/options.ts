import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../text/duration.ts';
import { createZone } from '../../text/zone.ts';
import type { ApiOptions } from '../api/options.ts';
import { moment } from '../chat-log/calendar.ts';
import { type Mapping, readMapping } from '../chat-log/mapping.ts';
import type { Format } from '../chat-log/read.ts';

export interface ImportOptions extends ApiOptions {
  /** Needed unless the file is an export of several conversations. */
  channel?: string;
  conversation?: string;
  format?: Format;
  date?: string;
  zone?: string;
  encoding?: string;
  map?: Mapping;
  /** Path of Slack's users.json. */
  users?: string;
  /** Milliseconds. */
  patience: number;
  notify?: boolean;
  showSkipped?: boolean;
  /** Path of a file that gets every skipped line. */
  skipped?: string;
  dryRun?: boolean;
}

/** @throws InvalidArgumentError where it is no day */
export function readDate(text: string): string {
  if (moment(text, 0, 0, 0) !== undefined) return text;
  throw new InvalidArgumentError('It must be a day as yyyy-mm-dd, such as 2009-02-23.');
}

/** @throws InvalidArgumentError where it is no zone */
export function readZone(text: string): string {
  try {
    createZone(text)(0, 0);
    return text;
  } catch {
    throw new InvalidArgumentError(
      'It must be a zone of the IANA database, such as Europe/Berlin.',
    );
  }
}

/** @throws InvalidArgumentError where it is no encoding */
export function readEncoding(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new InvalidArgumentError('It must be an encoding such as latin1, koi8-r or utf-16le.');
  }
}

/** @throws InvalidArgumentError where it is no mapping */
export function readMap(text: string): Mapping {
  try {
    return readMapping(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** @throws InvalidArgumentError where it is no duration */
export function readDuration(text: string): number {
  const value = parseDuration(text);
  if (value !== undefined) return value;
  throw new InvalidArgumentError('It must be a duration such as 30s or 5m.');
}
