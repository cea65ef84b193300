import { createInflate, type Inflate } from 'node:zlib';

/** Words that both ends know before the first byte, each with its length before it (SPDY/3.1, 2.6.10.1). */
const WORDS =
  'options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,accept-ranges,age,allow,authorization,' +
  'cache-control,connection,content-base,content-encoding,content-language,content-length,content-location,content-md5,content-range,' +
  'content-type,date,etag,expect,expires,from,host,if-match,if-modified-since,if-none-match,if-range,if-unmodified-since,last-modified,' +
  'location,max-forwards,pragma,proxy-authenticate,proxy-authorization,range,referer,retry-after,server,te,trailer,transfer-encoding,' +
  'upgrade,user-agent,vary,via,warning,www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,public,set-cookie,keep-alive,origin';

/** The rest of the dictionary: text without lengths. */
const TEXT =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information' +
  '204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error' +
  '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, ' +
  'Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,' +
  'publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

const word = (text: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
};

/** The dictionary of SPDY/3 and 3.1; its Adler-32 is the `e3c6a7c2` in every zlib header of them. */
export const DICTIONARY = Buffer.concat([...WORDS.split(',').map(word), Buffer.from(TEXT)]);

/** Header blocks of one direction of a connection: one zlib stream, so they are read in the order in which they came. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: DICTIONARY });
  #chunks: Buffer[] = [];
  #failed: Error | undefined;

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    this.#inflate.on('error', (error) => (this.#failed = error));
  }

  /** @throws where the block is no zlib or no list of headers */
  async read(block: Buffer): Promise<Map<string, string>> {
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => reject(error);
      if (this.#failed) return reject(this.#failed);
      this.#inflate.once('error', failed);
      this.#inflate.write(block, () => {
        this.#inflate.off('error', failed);
        resolve();
      });
    });
    const text = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return parse(text);
  }

  close(): void {
    this.#inflate.destroy();
  }
}

function parse(text: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const next = (): string => {
    const length = text.readUInt32BE(at);
    at += 4 + length;
    if (at > text.length) throw new RangeError('a SPDY header is longer than its block');
    return text.toString('utf8', at - length, at);
  };
  for (let count = text.readUInt32BE(0); count > 0; count -= 1) {
    const name = next();
    headers.set(name, next());
  }
  return headers;
}

const ZLIB_HEADER = Buffer.from('78bbe3c6a7c2', 'hex');
/** A stored block of "no headers", and the empty block after which a reader has all of it. */
const NO_HEADERS = Buffer.from('000400fbff00000000000000ffff', 'hex');

/** A header block without headers: all that this side ever sends. The first of a connection begins the zlib stream. */
export const noHeaders = (first: boolean): Buffer => (first ? Buffer.concat([ZLIB_HEADER, NO_HEADERS]) : NO_HEADERS);
