// A web server without a package.json: its page answers "hello from s2i" and the version of Node.js.
const http = require('node:http');

const server = http.createServer((request, response) => {
  response.end(`hello from s2i, on Node.js ${process.version}\n`);
});
server.listen(process.env.PORT ?? 8080, () => console.log('listening'));

process.on('SIGTERM', () => server.close(() => process.exit(0)));
