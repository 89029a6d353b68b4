import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Where a server may answer otherwise, or fall silent. */
export type Stage = 'greeting' | 'EHLO' | 'MAIL FROM' | 'RCPT TO' | 'DATA' | 'message';

/** What is usually answered. */
const USUAL: Record<Stage, string> = {
  greeting: '220 mail.example.com ESMTP',
  EHLO: '250 mail.example.com',
  'MAIL FROM': '250 2.1.0 Ok',
  'RCPT TO': '250 2.1.5 Ok',
  DATA: '354 go on',
  message: '250 2.0.0 Ok',
};

/** A mail server that answers what a test says, and nothing where it says `silence`. */
export class ScriptedMailServer {
  /** Takes what is asked of it; by default as usual. */
  answer: (stage: Stage, line: string) => string | 'silence' = (stage) => USUAL[stage];
  /** Connections there have been. */
  connections = 0;
  /** Recipients that were asked for. */
  readonly asked: string[] = [];
  /** What was said of senders: the whole of each `MAIL FROM`. */
  readonly senders: string[] = [];
  /** Mails that were taken. */
  taken = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<ScriptedMailServer> {
    const server = new ScriptedMailServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** Answers so at one stage, and as usual at the others. */
  refuse(at: Stage, answer: string): void {
    this.answer = (stage) => (stage === at ? answer : USUAL[stage]);
  }

  mend(): void {
    this.answer = (stage) => USUAL[stage];
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let isMessage = false;
    let rest = '';
    const say = (stage: Stage, line: string) => {
      const answer = this.answer(stage, line);
      if (answer === 'silence') return;
      socket.write(`${answer}\r\n`);
      if (stage === 'DATA' && answer.startsWith('354')) isMessage = true;
      if (stage === 'message' && answer.startsWith('250')) this.taken += 1;
    };
    say('greeting', '');
    socket.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (isMessage) {
          if (line !== '.') continue;
          isMessage = false;
          say('message', line);
        } else if (/^(EHLO|HELO)/.test(line)) say('EHLO', line);
        else if (line.startsWith('MAIL FROM')) {
          this.senders.push(line);
          say('MAIL FROM', line);
        } else if (line.startsWith('RCPT TO')) {
          this.asked.push(/<(.*?)>/.exec(line)?.[1] ?? '');
          say('RCPT TO', line);
        } else if (line === 'DATA') say('DATA', line);
        else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('250 Ok\r\n');
      }
    });
  }
}
