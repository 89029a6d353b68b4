/** Whom a mail server's answer blames: us must an operator mend, the recipient is final. */
export type Blames = 'us' | 'recipient';

interface Row<Match> {
  matches: Match;
  blames: Blames;
  /** What is wrong. */
  means: string;
  /** Where it is defined. */
  source: string;
}

/** Reply codes that say it by themselves. Others are told apart by status and words. */
export const CODES: Row<number>[] = [
  {
    matches: 530,
    blames: 'us',
    means: 'TLS or a login is required',
    source: 'RFC 3207, 4954',
  },
  {
    matches: 534,
    blames: 'us',
    means: 'our way to log in is too weak',
    source: 'RFC 4954',
  },
  {
    matches: 535,
    blames: 'us',
    means: 'our login is wrong',
    source: 'RFC 4954',
  },
  {
    matches: 538,
    blames: 'us',
    means: 'our login must be encrypted',
    source: 'RFC 4954',
  },
  {
    matches: 556,
    blames: 'recipient',
    means: 'its domain takes no mail',
    source: 'RFC 7504',
  },
];

/** Enhanced status codes (registry: RFC 5248). The first that matches counts. */
export const STATUSES: Row<RegExp>[] = [
  row(/^5\.1\.[0-6]$/, 'recipient', 'no such mailbox or domain', 'RFC 3463, 3.2'),
  row(/^5\.1\.10$/, 'recipient', 'its domain takes no mail', 'RFC 7505'),
  row(/^[45]\.1\.[789]$/, 'us', "our sender's address or system", 'RFC 3463, 3.2; RFC 3886'),
  row(/^5\.1\.90$/, 'us', 'we send to too many recipients a day', 'Exchange Online'),
  row(/^5\.2\.121$/, 'us', 'we send too much to this recipient', 'Exchange Online'),
  row(/^5\.2\.252$/, 'us', 'we may not send as this sender', 'Exchange Online'),
  row(/^5\.2\.\d+$/, 'recipient', 'its mailbox is disabled or full', 'RFC 3463, 3.3'),
  row(/^5\.3\.4$/, 'recipient', 'the mail is too large', 'RFC 3463, 3.4'),
  row(/^5\.4\.[146]$/, 'recipient', 'there is no way to its host', 'RFC 3463, 3.5'),
  row(/^[45]\.4\.5$/, 'us', 'we send too much', 'RFC 3463, 3.5'),
  row(/^5\.5\.0$/, 'recipient', 'undefined, and used of mailboxes', 'RFC 3463, 3.6'),
  row(/^[45]\.5\.[1-9]\d*$/, 'us', 'our commands', 'RFC 3463, 3.6'),
  row(/^5\.6\.\d+$/, 'recipient', 'the mail, or an address beyond ASCII', 'RFC 3463, 3.7; 6531'),
  row(/^5\.7\.2$/, 'recipient', 'a list that not everybody may write to', 'RFC 3463, 3.8'),
  row(/^5\.7\.1[78]$/, 'recipient', 'it has another owner now', 'RFC 7293'),
  row(/^5\.7\.1\d\d$/, 'recipient', 'not everybody may write to it', 'Exchange Online'),
  row(/^[45]\.7\.\d+$/, 'us', 'policy: sender, login, TLS, SPF, DKIM', 'RFC 3463, 3.8; 7372; 8689'),
];

function row(matches: RegExp, blames: Blames, means: string, source: string): Row<RegExp> {
  return { matches, blames, means, source };
}

/** Whom an enhanced status code blames; undefined: it doesn't tell. */
export const blamedBy = (status: string): Blames | undefined =>
  STATUSES.find(({ matches }) => matches.test(status))?.blames;

/** Whom a reply code blames by itself. */
export const blamedByCode = (code: number): Blames | undefined =>
  CODES.find(({ matches }) => matches === code)?.blames;
