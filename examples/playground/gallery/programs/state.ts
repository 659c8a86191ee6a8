import { boundedOutOfOrderness, col, count, pipeline, schema, stateWindow, timestamp, utf8 } from 'millrace'

export default pipeline('runs')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), event: utf8() }))
  .eventTime('at', boundedOutOfOrderness('4s', { everyRecords: 1 }))
  .keyBy('wheel')
  .window(stateWindow(col('event').eq('start'), col('event').eq('stop')))
  .aggregate({ n: count() })
  .sink('runs')
