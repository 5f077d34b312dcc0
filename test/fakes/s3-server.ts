/** A bucket in memory behind the protocol of S3: put with If-None-Match, get, list in pages, delete; and faults. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type S3Fault = (request: { readonly method: string; readonly key: string }) =>
  | undefined
  /** Answers so instead; `stored`: after it was done all the same. */
  | { readonly status: number; readonly stored?: boolean }
  /** Says nothing for ever. */
  | 'silence';

export class FakeS3 {
  readonly objects = new Map<string, Buffer>();
  readonly headers = new Map<string, IncomingMessage['headers']>();
  readonly #server: Server;
  readonly #bucket: string;
  readonly #pageSize: number;
  fault: S3Fault = () => undefined;

  private constructor(bucket: string, pageSize: number) {
    this.#bucket = bucket;
    this.#pageSize = pageSize;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(bucket = 'bucket', pageSize = 1000): Promise<FakeS3> {
    const fake = new FakeS3(bucket, pageSize);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.endpoint);
    const [, bucket = '', ...rest] = url.pathname.split('/');
    const key = rest.map(decodeURIComponent).join('/');
    const method = request.method ?? '';
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (!/^AWS4-HMAC-SHA256 Credential=/.test(request.headers.authorization ?? ''))
      return refuse(response, 403, 'AccessDenied');
    if (bucket !== this.#bucket) return refuse(response, 404, 'NoSuchBucket');
    const fault = this.fault({ method, key });
    if (fault === 'silence') return;
    if (fault !== undefined && fault.stored !== true) return refuse(response, fault.status, 'Injected');
    const done = this.#do(request, url, method, key, Buffer.concat(chunks));
    if (fault !== undefined) return refuse(response, fault.status, 'Injected');
    response.writeHead(done.status, { 'content-type': 'application/xml' }).end(done.body);
  }

  #do(request: IncomingMessage, url: URL, method: string, key: string, body: Buffer) {
    if (method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && this.objects.has(key))
        return { status: 412, body: '<Error><Code>PreconditionFailed</Code></Error>' };
      this.objects.set(key, body);
      this.headers.set(key, request.headers);
      return { status: 200, body: '' };
    }
    if (method === 'DELETE') {
      this.objects.delete(key);
      return { status: 204, body: '' };
    }
    if (key === '') return { status: 200, body: this.#list(url.searchParams) };
    const object = this.objects.get(key);
    return object === undefined
      ? { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' }
      : { status: 200, body: object };
  }

  #list(asked: URLSearchParams): string {
    const from = asked.get('continuation-token') ?? asked.get('start-after') ?? '';
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(asked.get('prefix') ?? '') && key > from)
      .sort();
    const page = keys.slice(0, this.#pageSize);
    const more = keys.length > page.length;
    const contents = page.map(
      (key) =>
        `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${this.objects.get(key)?.length ?? 0}</Size></Contents>`,
    );
    return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${more}</IsTruncated>${contents.join('')}${more ? `<NextContinuationToken>${page.at(-1) ?? ''}</NextContinuationToken>` : ''}</ListBucketResult>`;
  }
}

const refuse = (response: ServerResponse, status: number, code: string): void =>
  void response.writeHead(status).end(`<Error><Code>${code}</Code><Message>secret words</Message></Error>`);
