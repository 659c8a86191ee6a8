import { count, cumulate, f64, monotonous, pipeline, schema, sum, timestamp, utf8 } from 'millrace'

export default pipeline('cumulate')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', monotonous({ everyRecords: 1 }))
  .window(cumulate('30s', '10s'))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
