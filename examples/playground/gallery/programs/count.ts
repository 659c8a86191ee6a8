import { countTumbling, f64, max, min, monotonous, pipeline, schema, timestamp, utf8 } from 'millrace'

export default pipeline('count')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', monotonous({ everyRecords: 1 }))
  .keyBy('wheel')
  .window(countTumbling(3))
  .aggregate({ least: min('litres'), most: max('litres') })
  .sink('results')
