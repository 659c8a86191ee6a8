/** `millrace/mqtt`: a source of MQTT messages; needs the package `mqtt`. Re-exports only. */

export {}
