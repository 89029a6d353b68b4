/**
 * Past participles that do not end in "-ed", and `due`: what a schedule emits has become so. Add
 * the one you need.
 */
const irregular = new Set(
  (
    'beaten become begun bent bitten blown born bought bound broken brought built burnt ' +
    'caught chosen come cost cut dealt done drawn driven drunk due eaten fallen felt flown ' +
    'forbidden forgiven forgotten fought found frozen given gone grown heard held hidden ' +
    'hit hung hurt kept known laid left lent let lit lost made meant met mistaken ' +
    'overridden overrun paid proven put quit read rebuilt redone reset rewritten ridden ' +
    'risen run rung said seen sent set shaken shot shown shrunk shut slept sold sought ' +
    'spent split spoken spread spun stolen stood struck stuck sung sunk swept taken taught ' +
    'thought thrown told torn undergone understood undone unread unset upset withdrawn ' +
    'withheld woken won worn woven written'
  ).split(' '),
);

/** Longest name of an event type. */
export const LONGEST_NAME = 200;

const rule =
  'an event is named <aggregate>.<past participle> in snake_case, such as "message.created"';

/**
 * Says why an event type can't have that name. The name says what has happened, never what should
 * happen because of it: the producer must not know its consumers.
 *
 * @returns undefined where it can
 */
export function refusedName(name: string): string | undefined {
  if (name.length > LONGEST_NAME)
    return `the name of an event has at most ${LONGEST_NAME} characters; this has ${name.length}`;
  const [aggregate, participle, ...rest] = name.split('.');
  const word = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
  if (!participle || rest.length > 0 || !word.test(aggregate ?? '') || !word.test(participle)) {
    const hint = name.includes('.')
      ? ''
      : ': it reads as a command, and a producer that commands knows its consumers';
    return `event "${name}" is refused${hint}; ${rule}`;
  }
  const last = participle.split('_').at(-1) ?? '';
  if (last.endsWith('ed') || irregular.has(last)) return undefined;
  return (
    `event "${name}" is refused: "${last}" is not a past participle, and an event says what ` +
    `has happened, not what to do; ${rule}`
  );
}

/**
 * Types that Knock-on itself emits. Its effects and its audit chain trust them. SQL has the same in
 * `knockon.is_own_type`.
 */
const OWN = new Set([
  'message.created',
  'message.updated',
  'message.deleted',
  'channel.created',
  'effect.discarded',
]);

/** Whether only Knock-on itself may emit events of that type. */
export const isOwnType = (name: string): boolean => OWN.has(name) || name.startsWith('endpoint.');
