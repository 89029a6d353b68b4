import { Webhook } from 'standardwebhooks';

/**
 * The headers of the Standard Webhooks specification.
 *
 * @param secrets `whsec_<base64>`; several while one is being replaced: the receiver takes whichever it knows
 * @param id the same at every try, so that the receiver can tell a repetition
 * @throws where a secret is not base64
 */
export function signatureHeaders(secrets: string[], id: string, at: Date, body: string): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}
