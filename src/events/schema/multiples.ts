/**
 * Whether a number is a multiple of another, as both are written in decimal: 19.99 is one of 0.01,
 * although that is not so in binary.
 *
 * @param of more than 0
 */
export function isMultiple(value: number, of: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(of)) return value % of === 0;
  if (!Number.isFinite(value) || !Number.isFinite(of)) return false;
  const one = decimal(value);
  const other = decimal(of);
  const least = Math.min(one.exponent, other.exponent);
  const scaled = ({ digits, exponent }: Decimal) => digits * 10n ** BigInt(exponent - least);
  return scaled(one) % scaled(other) === 0n;
}

/** `digits` times ten to the power of `exponent`. */
interface Decimal {
  digits: bigint;
  exponent: number;
}

function decimal(value: number): Decimal {
  const [mantissa = '', power = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}
