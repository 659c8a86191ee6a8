import { boundedOutOfOrderness, count, f64, mean, pipeline, schema, sliding, timestamp, utf8 } from 'millrace'

export default pipeline('sliding')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('2s', { everyRecords: 1 }))
  .keyBy('wheel')
  .window(sliding('15s', '5s'))
  .aggregate({ n: count(), mean: mean('litres') })
  .sink('results')
