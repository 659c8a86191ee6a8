export * from 'millrace/testing'
