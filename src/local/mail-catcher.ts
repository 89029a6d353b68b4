import type { MailDev } from 'maildev';

export interface MailCatcher {
  smtpUrl: string;
  /** The page that shows what came in. */
  url: string;
  stop(): Promise<void>;
}

/**
 * A mail server that delivers nothing and shows everything, in this process; keeps the newest 500.
 */
export async function startMailCatcher({
  smtpPort,
  webPort,
}: {
  smtpPort: number;
  webPort: number;
}): Promise<MailCatcher> {
  const { MailDev } = await import('maildev');
  const mail: MailDev = new MailDev({
    smtp: smtpPort,
    ip: '127.0.0.1',
    web: webPort,
    webIp: '127.0.0.1',
    maxEmails: 500,
    silent: true,
  });
  const { info } = console;
  console.info = () => {}; // its page announces itself on our stdout, silent or not
  try {
    await mail.start();
  } finally {
    console.info = info;
  }
  return {
    smtpUrl: `smtp://127.0.0.1:${smtpPort}`,
    url: `http://127.0.0.1:${webPort}`,
    stop: () => mail.stop(),
  };
}
