/** Column types and schemas. (Leaf: imports nothing of ours.) */

export type ColumnType = 'f64' | 'i32' | 'timestamp' | 'bool' | 'utf8'

export interface ColumnDefinition {
  readonly name: string
  readonly type: ColumnType
}

export interface Schema {
  readonly columns: readonly ColumnDefinition[]
}
