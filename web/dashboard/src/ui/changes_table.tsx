/** What differs, a row each: how it was before, how it is after, and one word. */

export interface ChangeRow {
  key: string;
  text: string;
  href?: string;
  before: string;
  after: string;
  word: string;
}

interface ChangesProps {
  title: string;
  rows: readonly ChangeRow[];
  /** What the two sides are. */
  sides?: readonly [string, string];
  /** What is said where no row is left. */
  none?: string;
}

export function Changes({ title, rows, sides = ["Before", "After"], none = "as before" }: ChangesProps) {
  if (rows.length === 0)
    return (
      <p class="muted">
        {title.split(":")[0]}: {none}.
      </p>
    );
  return (
    <div class="scroll">
      <table class="list">
        <thead>
          <tr>
            <th class="fill">{title}</th>
            <th class="num">{sides[0]}</th>
            <th class="num">{sides[1]}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              <td class="fill">
                {row.href === undefined ? (
                  row.text
                ) : (
                  <a href={row.href} data-page>
                    {row.text}
                  </a>
                )}
              </td>
              <td class="num">{row.before}</td>
              <td class="num">{row.after}</td>
              <td>{row.word}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
