/** Exports of the pane kernel. */
import { LAYOUT_VERSION } from "./layout";

export function layoutVersion(): i32 {
  return LAYOUT_VERSION;
}
