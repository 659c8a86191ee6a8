/**
 * What `--help` prints.
 *
 * Before: main. After: the terminal.
 *
 * Invariant: no line is longer than 80 columns; every option of every command is here.
 */

export type CommandName = 'run' | 'explain' | 'checkpoints'

export const MAIN_HELP = `millrace: event-time windows, watermarks and exactly-once checkpoints

Usage
  millrace run PLAN.json --source NAME=FILE --sink NAME=FILE [options]
  millrace explain PLAN.json [--mermaid | --json]
  millrace checkpoints DIR [--verify] [--json]

Commands
  run            reads files, runs the plan, writes files
  explain        says what a plan does, as text or as a Mermaid flowchart
  checkpoints    lists, verifies and inspects what a job left in a directory

  millrace COMMAND --help    the options of a command
  millrace --version         the version

Exit codes
  0  done, or stopped as asked
  1  the job failed
  2  it could not start: correct the plan, the arguments or the files

Set MILLRACE_DEBUG=1 to see the stack of an error.
`

export const COMMAND_HELP: Readonly<Record<CommandName, string>> = {
  run: `millrace run PLAN.json --source NAME=FILE --sink NAME=FILE [options]

Reads the sources, runs the plan, writes the sinks.

Files
  .csv, .ndjson and .jsonl, for reading also with .gz; - is standard input or
  output. NAME= may be left out when the plan has one source, or one sink.
  --source NAME=FILE   a source; again with the same NAME for several files
  --sink NAME=FILE     a sink, or the late output of a window
  --format FORMAT      csv or ndjson, for - and other endings (default ndjson)
  --pane               adds paneIndex, paneTiming, paneChange and paneIsLast to
                       the rows of windows
  --dead-letters FILE  what could not become a record, as NDJSON

Exactly once
  --checkpoints DIR    keeps checkpoints in DIR
  --every DURATION     how often: 250ms, 10s, 1m (default 10s)
  --resume             goes on from the newest checkpoint in DIR

Speed
  --parallelism N      subtasks of every window (default 1)
  --host HOST          auto (default), workers (threads), shared, transferred or
                       inline

Output
  --json               progress and summary as JSON lines on standard output
                       (on standard error when a sink is -)
  --quiet              no progress and no summary

Ctrl-C stops: with --checkpoints after a last one, from which --resume goes on.
A second Ctrl-C ends at once.

Example
  millrace run plan.json --source readings=telemetry.csv \\
    --sink minutes=minutes.ndjson --checkpoints state --parallelism 2
`,
  explain: `millrace explain PLAN.json [--mermaid | --json]

Says what a plan does, operator by operator, and draws it.

  --mermaid   only the Mermaid flowchart
  --json      the checked plan with its defaults, its fingerprint and the
              flowchart, as one JSON object
`,
  checkpoints: `millrace checkpoints DIR [--verify] [--json]
millrace checkpoints DIR inspect ID [--json]

Lists the checkpoints in a directory, newest first. Nothing is changed, and a
job that runs is not disturbed.

  --verify      reads every chunk and checks it
  inspect ID    positions of the sources, watermarks and counters of one
  --json        one JSON object

Exit code 1 when a checkpoint is damaged.
`,
}
