import { count, customWindow, f64, monotonous, pipeline, schema, timestamp, utf8 } from 'millrace'

// A gush keeps its window open for longer than a trickle; below 2 litres there is none.
const gushes = customWindow(({ litres }: { litres: number | null }, at) =>
  litres === null || litres < 2 ? [] : { start: at, end: at + litres * 1000 },
)

export default pipeline('gushes')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', monotonous({ everyRecords: 1 }))
  .keyBy('wheel')
  .window(gushes)
  .aggregate({ n: count() })
  .sink('results')
