/** A script that is loaded and serves nothing. */

export {}
