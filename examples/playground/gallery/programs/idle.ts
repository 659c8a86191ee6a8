import { boundedOutOfOrderness, count, f64, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('idle')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('1s', { everyRecords: 1, idleAfter: '10s' }))
  .keyBy('wheel')
  .window(tumbling('10s'))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
