import { anyOf, boundedOutOfOrderness, count, f64, globalWindow, onCount, onEnd, pipeline, schema, sum, timestamp, utf8 } from 'millrace'

export default pipeline('running-total')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('3s', { everyRecords: 1 }))
  .keyBy('wheel')
  .window(globalWindow())
  .trigger(anyOf(onCount(3), onEnd()))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
