import { boundedOutOfOrderness, count, early, f64, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('early')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('3s', { everyRecords: 1 }))
  .window(tumbling('20s'))
  .trigger(early({ count: 2 }))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
