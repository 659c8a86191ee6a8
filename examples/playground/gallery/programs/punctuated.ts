import { bool, col, count, f64, pipeline, punctuated, schema, sum, timestamp, tumbling, utf8 } from 'millrace'

export default pipeline('punctuated')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64(), isMark: bool() }))
  .eventTime('at', punctuated(col('isMark'), { time: col('at').sub(1), everyRecords: 1 }))
  .filter(col('isMark').eq(false))
  .window(tumbling('10s'))
  .lateTo('late')
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
