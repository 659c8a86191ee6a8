import { boundedOutOfOrderness, count, f64, pipeline, schema, session, sum, timestamp, utf8 } from 'millrace'

export default pipeline('linked-sessions')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('1s', { everyRecords: 1 }))
  .keyBy('wheel')
  .window(session('5s'))
  .allowedLateness('30s')
  .retracting()
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
