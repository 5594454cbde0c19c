// Stands for a compiler: the application works only when this package was built before it.
const fs = require('node:fs');

fs.mkdirSync('dist', { recursive: true });
fs.writeFileSync('dist/index.js', "module.exports = 'hello from the workspace';\n");
