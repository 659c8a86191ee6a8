import { boundedOutOfOrderness, count, f64, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('tumbling')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('3s', { everyRecords: 1 }))
  .keyBy('wheel')
  .window(tumbling('10s'))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
