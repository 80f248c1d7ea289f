/** Reading the API: JSON in, problem details (RFC 9457) out as one kind of error. */

/** What the server said no with; `status` 0 means that it did not answer at all. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** What to do about it, where the server knows. */
    readonly next = "",
  ) {
    super(detail === "" ? title : `${title}: ${detail}`);
  }

  /** The reader has no session (any more). */
  get denied(): boolean {
    return this.status === 401;
  }
}

async function problemOf(response: Response): Promise<ApiProblem> {
  let title = `The server answered ${response.status}`;
  let detail = "";
  let next = "";
  try {
    const body = (await response.json()) as Record<string, unknown>;
    if (typeof body.title === "string") title = body.title;
    if (typeof body.detail === "string") detail = body.detail;
    if (typeof body.next === "string") next = body.next;
  } catch {
    // Not JSON: a proxy's own page. The status says enough.
  }
  return new ApiProblem(response.status, title, detail, next);
}

/** Fetch `path` as JSON and decode it. Throws ApiProblem, or AbortError when `signal` fires. */
export async function getJson<T>(
  path: string,
  decode: (value: unknown) => T,
  signal?: AbortSignal,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      headers: { accept: "application/json" },
      credentials: "same-origin",
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiProblem(0, "The server does not answer", "It is stopped, or the network is down.");
  }
  if (!response.ok) throw await problemOf(response);
  return decode(await response.json());
}

/** Ask for something to be done, and return the answer. Throws ApiProblem. */
export async function post(path: string, body: unknown): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      credentials: "same-origin",
      body: JSON.stringify(body),
    });
  } catch {
    throw new ApiProblem(0, "The server does not answer", "Nothing was done as far as this page knows.");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Build an address from a path and those parameters that are not empty. */
export function address(path: string, parameters: Record<string, string | number | null>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem(-1, "The page could not read the answer", String(error));
}
