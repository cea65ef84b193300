/** The image lab/echo: answers every request with who answers and whom it saw asking. */
import { createServer } from 'node:http';

const env = process.env;
const server = createServer((request, response) => {
  const answer = {
    pod: env.LAB_POD,
    namespace: env.LAB_NAMESPACE,
    node: env.LAB_NODE,
    cluster: env.LAB_CLUSTER,
    podIP: env.LAB_POD_IP,
    peer: request.socket.remoteAddress?.replace(/^::ffff:/, ''),
    method: request.method,
    path: request.url,
  };
  console.log(`${answer.peer} ${answer.method} ${answer.path}`);
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(answer)}\n`);
});
server.listen(Number(env.PORT ?? 8080), () => console.log(`lab/echo listens on port ${env.PORT ?? 8080}`));
process.on('SIGTERM', () => process.exit(0));
