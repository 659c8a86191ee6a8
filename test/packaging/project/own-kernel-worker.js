/** A worker of the user that is nothing but the package's: bundlers must not shake it off. */

import 'millrace/kernel-worker'
