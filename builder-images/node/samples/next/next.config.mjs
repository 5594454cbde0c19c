// `standalone` lets the build make a server with all that it needs, which is what the image keeps.
export default { output: 'standalone' };
