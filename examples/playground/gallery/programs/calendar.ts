import { calendar, count, f64, monotonous, pipeline, schema, sum, timestamp, utf8 } from 'millrace'

export default pipeline('calendar')
  .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
  .eventTime('at', monotonous({ everyRecords: 1 }))
  // The 31st, or the last day of a month that has none, on the clocks of Berlin.
  .window(calendar('month', { timeZone: 'Europe/Berlin', anchor: { day: 31 } }))
  .aggregate({ n: count(), litres: sum('litres') })
  .sink('results')
