import { boundedOutOfOrderness, f64, pipeline, schema, timestamp, utf8 } from 'millrace'

export default pipeline('sort')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('4s', { everyRecords: 1 }))
  .sortByEventTime()
  .sink('sorted')
