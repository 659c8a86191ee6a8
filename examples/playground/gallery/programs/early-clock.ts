import { boundedOutOfOrderness, count, early, f64, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('early-clock')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('3s', { everyRecords: 1 }))
  .window(tumbling('20s'))
  .trigger(early({ every: '5s' }))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
