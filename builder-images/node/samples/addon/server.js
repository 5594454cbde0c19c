const http = require('node:http');
const { greeting } = require('./build/Release/greeting.node');

http.createServer((request, response) => response.end(greeting())).listen(process.env.PORT ?? 8080);
