/** The examples are JavaScript, imported for what they print. */
declare module '*/main.mjs'
