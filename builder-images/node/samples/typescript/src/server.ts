// A web server in TypeScript: the image runs what `tsc` made of it, and has no TypeScript in it.
import { createServer } from 'node:http';

const greeting: string = 'hello from typescript';
const port: number = Number(process.env.PORT ?? 8080);

createServer((_request, response) => response.end(greeting)).listen(port, () => {
  console.log('listening');
});
