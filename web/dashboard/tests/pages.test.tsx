import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import { navigate, place } from "../src/state/router";
import { pnlColours, zone } from "../src/state/settings";
import { App } from "../src/ui/app";
import { helpOpen, startKeys } from "../src/ui/keys";
import { SignIn, signIn } from "../src/ui/sign_in";
import { FakeEventSource, fleetDocument, serve, until } from "./fakes";

async function open(path: string) {
  serve({ "/api/v1/fleet": fleetDocument({ revision: null }), "/api/v1/bots": [], "/api/v1/revisions": [] });
  navigate(path);
  render(<App />);
  await until(() => expect(FakeEventSource.opened.length).toBeGreaterThan(0));
  FakeEventSource.last.open();
  await screen.findByTestId("sync-age");
}

test("an address that names nothing says so", () => {
  navigate("/what/is/this");
  render(<App />);
  expect(screen.getByText("There is no page here")).toBeTruthy();
});

test("a token is posted once and the page goes on", async () => {
  const posted: string[] = [];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    posted.push(String(init.body));
    return { type: posted.length === 1 ? "basic" : "opaqueredirect", ok: false, status: 401 } as Response;
  });
  const done = vi.fn();
  render(<SignIn done={done} />);
  const form = screen.getByTestId("sign-in").querySelector("form") as HTMLFormElement;
  fireEvent.input(screen.getByTestId("token"), { target: { value: " abc " } });
  fireEvent.submit(form);
  await screen.findByText(/does not know this token/);
  expect(done).not.toHaveBeenCalled();
  fireEvent.submit(form);
  await until(() => expect(done).toHaveBeenCalledOnce());
  expect(posted).toEqual(["token=abc", "token=abc"]);
});

test("too many tries and a silent server are told apart", async () => {
  vi.stubGlobal("fetch", async () => ({ type: "basic", ok: false, status: 429 }));
  expect(await signIn("x")).toMatch(/^Too many/);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError()));
  expect(await signIn("x")).toBe("The server does not answer.");
});

test("the sign-in page leads to the fleet", async () => {
  vi.stubGlobal("fetch", async () => ({ type: "opaqueredirect" }));
  navigate("/sign-in");
  render(<App />);
  fireEvent.submit(screen.getByTestId("sign-in").querySelector("form") as HTMLFormElement);
  await until(() => expect(place.value.page.name).toBe("fleet"));
});

test("g r and g f go to pages, ? shows the keys, settings are set there", async () => {
  const stop = startKeys();
  HTMLDialogElement.prototype.showModal ??= () => {};
  await open("/");
  for (const key of ["g", "r"]) fireEvent.keyDown(document.body, { key });
  expect(place.value.page.name).toBe("revisions");
  for (const key of ["g", "s"]) fireEvent.keyDown(document.body, { key });
  expect(place.value.page.name).toBe("system");
  for (const key of ["g", "f"]) fireEvent.keyDown(document.body, { key });
  expect(place.value.page.name).toBe("fleet");
  fireEvent.keyDown(document.body, { key: "f" });
  fireEvent.keyDown(document.body, { key: "?" });
  expect(helpOpen.value).toBe(true);
  fireEvent.click(await screen.findByLabelText("up blue, down orange"));
  expect(pnlColours.value).toBe("blue-orange");
  fireEvent.click(screen.getByLabelText("this computer's zone"));
  expect(zone.value).toBe("local");
  fireEvent.click(screen.getByLabelText("UTC"));
  fireEvent.click(screen.getByText("Close"));
  expect(helpOpen.value).toBe(false);
  fireEvent.keyDown(document.body, { key: "?" });
  fireEvent.keyDown(document.body, { key: "Escape" });
  expect(helpOpen.value).toBe(false);
  stop();
});
