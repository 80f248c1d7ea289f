/** Which rows of a long list are in the document: those in view and some around them. Pure. */

/** Rows kept ready above and below the view, so that a fast scroll shows rows and not their absence. */
export const AROUND = 12;

export function visibleSpan(
  top: number,
  viewHeight: number,
  rowHeight: number,
  rows: number,
): { first: number; last: number } {
  const first = Math.max(0, Math.floor(top / rowHeight) - AROUND);
  const last = Math.min(rows, Math.ceil((top + viewHeight) / rowHeight) + AROUND);
  return { first: Math.min(first, Math.max(0, rows - 1)), last };
}
