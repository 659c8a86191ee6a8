import { boundedOutOfOrderness, count, f64, percentile, pipeline, schema, timestamp, tumbling, utf8 } from 'millrace'

const wheels = pipeline('strategies').source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))

// Two views of one stream: one waits as long as you say, the other as long as it has learned.
const patient = wheels
  .eventTime('at', boundedOutOfOrderness('10s', { everyRecords: 1 }), { uid: 'patient' })
  .window(tumbling('10s'), { uid: 'bounded' })
  .lateTo('lateForBounded')
  .aggregate({ n: count() })
  .sink('ofBounded')

export default wheels
  .eventTime('at', percentile(0.8, { everyRecords: 1 }), { uid: 'learning' })
  .window(tumbling('10s'), { uid: 'percentile' })
  .lateTo('lateForPercentile')
  .aggregate({ n: count() })
  .sink('ofPercentile')
  .and(patient)
