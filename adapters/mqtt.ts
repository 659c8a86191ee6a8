/** `millrace/mqtt`: a source of MQTT messages; needs the package `mqtt`. Re-exports only. */

export { type MqttModule, mqttSource, type MqttSourceOptions } from './mqtt/mqtt-source.ts'
