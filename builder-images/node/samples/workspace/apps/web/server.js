const http = require('node:http');
const greeting = require('@sample/greeting');

http.createServer((request, response) => response.end(greeting)).listen(process.env.PORT ?? 8080);
