// Prints its arguments and what start scripts set.
const { GREETING, npm_lifecycle_event, npm_package_version } = process.env;
console.log(JSON.stringify([process.argv.slice(2), GREETING, npm_lifecycle_event, npm_package_version]));
