/** Commands and names stand between backticks, as in the terminal's own messages. */
export function withCode(text: string) {
  return text.split("`").map((piece, index) => (index % 2 === 1 ? <code key={piece}>{piece}</code> : piece));
}
