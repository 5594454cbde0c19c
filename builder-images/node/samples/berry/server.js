// A web server that answers with the name of the package manager that the sample is for.
const http = require('node:http');
const ms = require('ms');
const { name } = require('./package.json');

http
  .createServer((request, response) => response.end(`hello from ${name}, ${ms(60_000)}`))
  .listen(process.env.PORT ?? 8080, () => console.log('listening'));
