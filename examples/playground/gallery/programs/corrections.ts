import { boundedOutOfOrderness, count, f64, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('corrections')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', boundedOutOfOrderness('2s', { everyRecords: 1 }))
  .keyBy('wheel')
  .window(tumbling('10s'))
  .allowedLateness('15s')
  .lateTo('late')
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
