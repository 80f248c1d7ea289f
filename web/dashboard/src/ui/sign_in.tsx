/** Signing in: a token is posted once and becomes a session in a cookie that scripts cannot read. */

import { useState } from "preact/hooks";

/** Post the token; "" when it was taken, else why not. */
export async function signIn(token: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch("/sign-in", {
      method: "POST",
      body: new URLSearchParams({ token }),
      redirect: "manual",
      credentials: "same-origin",
    });
  } catch {
    return "The server does not answer.";
  }
  // Taken: the server sends to its first page, and we stay on the page that was asked for.
  if (response.type === "opaqueredirect" || response.ok) return "";
  if (response.status === 429) return "Too many tries. Wait a minute.";
  return "herdsman does not know this token: it is mistyped, revoked or expired.";
}

export function SignIn({ done = () => location.reload() }: { done?: () => void }) {
  return (
    <main class="sign-in" data-testid="sign-in">
      <h1>herdsman</h1>
      <p>
        This page needs a token. Paste one, or open the sign-in link that <code>herdsman up</code> prints at
        its start.
      </p>
      <SignInForm done={done} />
      <p class="muted">
        On the machine that runs herdsman, <code>herdsman sign-in</code> prints a new link; the file{" "}
        <code>admin-token</code> in its data folder holds a token.
      </p>
    </main>
  );
}

export function SignInForm({ done }: { done: () => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget as HTMLFormElement).get("token");
    setBusy(true);
    const why = await signIn(String(token ?? "").trim());
    setBusy(false);
    setProblem(why);
    if (why === "") done();
  };
  return (
    <>
      <form class="token-form" method="post" action="/sign-in" onSubmit={(event) => void submit(event)}>
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          required
          data-testid="token"
        />
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
      </form>
      {problem === "" ? null : (
        <p class="problem-line" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
