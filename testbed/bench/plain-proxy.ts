// A bare node:http proxy: what one hop costs at least in this runtime.   node plain-proxy.ts PORT HOST:PORT
import http from 'node:http';

const [port, target] = process.argv.slice(2);
const [host, targetPort] = (target ?? '').split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 2048 });

http
  .createServer((request, response) => {
    const headers = { 'content-type': 'application/json', 'content-length': request.headers['content-length'] ?? '0' };
    const upstream = http.request(
      { agent, host, port: targetPort, path: request.url, method: request.method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    response.on('close', () => response.writableFinished || upstream.destroy());
    request.pipe(upstream);
  })
  .listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
