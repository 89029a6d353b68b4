import { expect, test } from 'vitest';
import { isEmailAddress, needsSmtpUtf8 } from '../../../src/text/email-address.ts';

const X = 'x'.repeat(64);

test.each([
  ...[
    'a@example.xn--p1ai',
    'a@пример.рф',
    'a@münchen.example',
    'a&b@example.com',
    'a/b@example.com',
  ],
  ...['用户@例子.广告', 'δοκιμή@παράδειγμα.δοκιμή', 'अजय@डाटा.भारत', 'ada+x@sub.example.co.uk'],
  ...["o'brien@example.com", '{a}|b@x.org', `${X}@example.com`, 'a@xn--mnchen-3ya.de', '_@x.org'],
  ...['a@1a.de', 'a@日本。jp', '"a b"@example.com', '"a@b"@example.com'],
])('%s is an address', (address) => {
  expect(isEmailAddress(address)).toBe(true);
});

test.each([
  ...['ada', 'ada@', '@x.org', 'a b@c.d', 'ada@example.com\r\nBcc: x@y.z', '<ada@example.com>', ''],
  ...[`x${X}@example.com`, `${'é'.repeat(33)}@example.com`, 'a@b', 'a@-x.org', 'a@x-.org'],
  ...['a..b@x.org', '.a@x.org', 'a.@x.org', 'a@x..org', 'a@1.2.3.4', 'a@[1.2.3.4]', 'a@x.123'],
  ...['a@x.org,b@y.org', 'a@x.org;', 'a\u200bb@x.org', 'a@x\u202e.org', 'a\u0000@x.org'],
  ...[`a@x${X}.org`, `a@${'é'.repeat(60)}.org`, 'a@ex ample.org', 'a@x.org\n', 'a@x_y.org'],
  ...[
    'a@x.org?cc=b',
    'a@x.org#',
    'a@b@c.org',
    'a@x/y.org',
    'a@%41.org',
    'a(c)@x.org',
    'a@xn--a.org',
  ],
  ...['a@xn--.org', 'a@xn--a-.org', 'a@xn--mnchen-3ya.xn--a', 'a@XN--A.org'],
  ...['"a>b"@x.org', '"a"b"@x.org', '"a\r\nb"@x.org'],
])('%j is none', (address) => {
  expect(isEmailAddress(address)).toBe(false);
});

test('only a local part beyond ASCII needs a server with SMTPUTF8', () => {
  expect(needsSmtpUtf8('a@пример.рф')).toBe(false);
  expect(needsSmtpUtf8('用户@example.com')).toBe(true);
});
