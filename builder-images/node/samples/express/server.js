// A web server with its dependencies in package-lock.json.
const express = require('express');

const app = express();
app.get('/', (request, response) => {
  response.send(`hello from express, for ${process.env.NODE_ENV}`);
});

const server = app.listen(process.env.PORT ?? 8080, () => console.log('listening'));
process.on('SIGTERM', () => server.close());
