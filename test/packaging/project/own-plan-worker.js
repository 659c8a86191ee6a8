/** A worker of the user that is nothing but the package's ready-made job worker. */

import 'millrace/plan-worker'
