import { domainToASCII, domainToUnicode } from 'node:url';
import { invisibleIn } from './invisible.ts';

/** Octets of an address, its local part, and a label of its domain (RFC 5321, 1035). */
const LONGEST = { address: 254, local: 64, label: 63 };

/** RFC 5321's atoms with full stops between; RFC 6531 adds all that is not ASCII. */
const atom = "[\\w!#$%&'*+/=?^`{|}~\\u0080-\\u{10ffff}-]+";
const local = new RegExp(`^${atom}(?:\\.${atom})*$`, 'u');

/** Without the brackets that end an address in SMTP. */
const quoted = /^"(?:[ !#-;=?-[\]-~]|\\[ -;=?-~])+"$/;

/** What a domain may be made of before it is written in ASCII. */
const domainLetters = /^[\p{L}\p{N}\p{M}.。-]+$/u;

/** Such as `xn--mnchen-3ya.example`, with a last label that is no number. */
const domain = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?!\d+$)[a-z0-9][a-z0-9-]*[a-z0-9]$/;

const octets = (text: string) => Buffer.byteLength(text);

/**
 * Whether mail can be sent there: an address of RFC 5321 or 6531, in a domain of the internet.
 * Comments and address literals are refused.
 */
export function isEmailAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || octets(text) > LONGEST.address) return false;
  const [name, host] = [text.slice(0, at), text.slice(at + 1)];
  if (octets(name) > LONGEST.local || !domainLetters.test(host)) return false;
  if (!quoted.test(name) && (!local.test(name) || isHidden(name))) return false;
  const ascii = domainToASCII(host);
  return (
    domain.test(ascii) &&
    isDecodable(ascii) &&
    octets(name) + 1 + ascii.length <= LONGEST.address &&
    ascii.split('.').every((label) => label.length <= LONGEST.label)
  );
}

/** Whether its labels in punycode stand for something, which Node 24 no longer asks. */
function isDecodable(ascii: string): boolean {
  const unicode = domainToUnicode(ascii);
  return !/(?:^|\.)xn--/.test(unicode) && domainToASCII(unicode) === ascii;
}

const isHidden = (name: string) =>
  /[\s\p{Cc}\p{Cs}\p{Co}\p{Cn}]/u.test(name) || invisibleIn(name) !== undefined;

/** Whether only a server with SMTPUTF8 (RFC 6531) takes it: its domain can be written in ASCII. */
export const needsSmtpUtf8 = (address: string): boolean =>
  /[^\p{ASCII}]/u.test(address.slice(0, address.lastIndexOf('@')));
