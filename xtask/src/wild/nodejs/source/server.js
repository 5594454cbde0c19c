const { createServer } = require("http");
const { readFileSync } = require("fs");
const ms = require("ms");

const page = ["answer 1", readFileSync("built.txt"), ms("1m")].join(", ");
createServer((_, answer) => answer.end(page)).listen(8080);
