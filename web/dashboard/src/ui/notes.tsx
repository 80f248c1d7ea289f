/** What a page says when it has no data to show: loading, an error, no session, nothing there. */

import type { ComponentChildren } from "preact";
import type { ApiProblem } from "../api/http";

/** Grey bars where the page's own lines will be; the style sheet shows them only after 300 ms. */
export function Skeleton({ page }: { page: string }) {
  const shape = SHAPES[page] ?? ["line", "line", "line"];
  return (
    <div class={`skeleton skeleton-${page}`} role="status" aria-label="Loading" data-testid="loading">
      {shape.map((kind, index) => (
        <div key={index} class={`bone bone-${kind}`} />
      ))}
    </div>
  );
}

const rows = (kind: string, number: number) => Array.from({ length: number }, () => kind);

/** What each page is made of, from top to bottom, in the heights that it will have. */
const SHAPES: Record<string, string[]> = {
  fleet: ["summary", "toolbar", ...rows("row", 16)],
  bot: ["header", "toolbar", ...rows("panel", 4)],
  revisions: ["title", ...rows("entry", 10)],
  revision: ["title", "header", ...rows("row", 8)],
  system: ["title", ...rows("entry", 10)],
  lines: rows("line", 8),
};

export function Note({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="note">
      <h1>{title}</h1>
      {children}
    </section>
  );
}

export function ProblemNote({ problem, retry }: { problem: ApiProblem; retry: () => void }) {
  return (
    <section class="note" role="alert" data-testid="problem">
      <h1>{problem.title}</h1>
      {problem.detail === "" ? null : <p>{problem.detail}</p>}
      {problem.next === "" ? null : <p>{problem.next}</p>}
      {problem.status === 403 ? (
        <p>
          Sign in with a token that may read this: <a href="/sign-in">another token</a>.
        </p>
      ) : problem.status === 404 ? (
        <p>
          <a href="/" data-page>
            All bots of the fleet
          </a>
          {" or "}
          <a href="/revisions" data-page>
            all revisions
          </a>
        </p>
      ) : (
        <>
          <p class="muted">It goes on once the connection is back.</p>
          <p>
            <button type="button" onClick={retry}>
              Read it again
            </button>
          </p>
        </>
      )}
    </section>
  );
}

/** A small problem inside a page that otherwise works. */
export function ProblemLine({ problem }: { problem: ApiProblem | null }) {
  if (problem === null) return null;
  return (
    <p class="problem-line" role="alert">
      {problem.message}
    </p>
  );
}

/** A command to copy into a shell. */
export function Command({ children }: { children: string }) {
  return (
    <pre class="command">
      <code>{children}</code>
    </pre>
  );
}
