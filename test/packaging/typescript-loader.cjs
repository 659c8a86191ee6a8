// webpack knows no TypeScript: types are taken away by esbuild.
const { transformSync } = require('esbuild')

module.exports = (source) => transformSync(source, { loader: 'ts', format: 'esm', target: 'es2022' }).code
