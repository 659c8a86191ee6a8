import { boundedOutOfOrderness, count, f64, i32, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('deduplicate')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), no: i32(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('3s', { everyRecords: 1 }))
  .deduplicate({ by: ['wheel', 'no'], within: '30s' })
  .keyBy('wheel')
  .window(tumbling('10s'))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
