import { Agent, request } from 'node:https';

/** One request, the same for both servers; `${NAME}` anywhere in it is what an earlier step of its case saved. */
export interface Step {
  do: string;
  method?: string;
  path: string;
  /** Of the body; JSON by default. */
  type?: string;
  accept?: string;
  /** A text is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Values of the answer, by JSON pointer, for later steps. */
  save?: Record<string, string>;
  /** Reads a stream until so many lines came, or so many milliseconds are over. */
  watch?: { lines: number; ms?: number };
  /** Only these parts of the body are compared, by JSON pointer. */
  only?: string[];
}

export interface Case {
  name: string;
  steps: Step[];
  /** The steps do not depend on each other. */
  apart?: boolean;
  /** What to ask then, made of the real server's answer to the last step; apart from each other. */
  next?: (body: any) => Step[];
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The JSON, or the lines of JSON, if it is that. */
  body: any;
}

export interface Access {
  url: string;
  ca: string;
  token: string;
}

const WATCH_MS = 1500;

/** One of the two servers, and what the steps of a case saved of its answers. */
export class Side {
  readonly #access: Access;
  readonly #agent: Agent;
  readonly vars: Record<string, string> = {};

  constructor(access: Access) {
    this.#access = access;
    this.#agent = new Agent({ ca: access.ca, keepAlive: true, maxSockets: 16 });
  }

  async ask(raw: Step): Promise<Answer> {
    const step = JSON.parse(JSON.stringify(raw).replace(/\$\{(\w+)\}/g, (_, name: string) => this.vars[name] ?? '')) as Step;
    const answer = await this.#call(step);
    for (const [name, at] of Object.entries(step.save ?? {})) this.vars[name] = String(pointer(answer.body, at) ?? '');
    return answer;
  }

  #call({ method = 'GET', path, type = 'application/json', accept = 'application/json', body, headers, watch }: Step): Promise<Answer> {
    return new Promise((resolve) => {
      const raw = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const asked = request(
        new URL(path, this.#access.url),
        {
          method,
          agent: this.#agent,
          headers: {
            authorization: `Bearer ${this.#access.token}`,
            'user-agent': 'differ/1',
            accept,
            ...(raw === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(raw) }),
            ...headers,
          },
        },
        (answer) => {
          let text = '';
          const done = (): void => {
            clearTimeout(timer);
            resolve({ status: answer.statusCode!, headers: answer.headers, text, body: parsed(text) });
            if (!answer.complete) asked.destroy();
          };
          const timer = watch && setTimeout(done, watch.ms ?? WATCH_MS);
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => {
            text += chunk;
            if (watch && text.split('\n').length > watch.lines) done();
          });
          answer.on('end', done);
          answer.on('error', done);
        },
      );
      // A server that gives up on a request closes its connection.
      asked.on('error', ({ message }) => resolve({ status: 0, headers: {}, text: message, body: undefined }));
      asked.end(raw);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Perhaps a watch.
  }
  try {
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
  } catch {
    return undefined;
  }
}

export const pointer = (document: unknown, path: string): any =>
  path
    .split('/')
    .slice(1)
    .reduce<any>((v, k) => v?.[k.replaceAll('~1', '/').replaceAll('~0', '~')], document);
