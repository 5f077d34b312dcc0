/** The metrics listener: Prometheus text on /metrics. */
import type { RequestListener } from 'node:http';

export function createMetricsListener(
  render: () => Promise<{ readonly type: string; readonly body: string }>,
): RequestListener {
  return (request, response) => {
    request.resume();
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('GET /metrics\n');
      return;
    }
    render().then(
      ({ type, body }) =>
        response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body),
      () =>
        response
          .writeHead(500, { 'content-type': 'text/plain; charset=utf-8' })
          .end('metrics cannot be collected\n'),
    );
  };
}
