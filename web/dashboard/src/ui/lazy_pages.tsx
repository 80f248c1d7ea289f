/** Pages that bring code of their own are read when they are opened; the fleet is usable before them. */

import { Frame } from "./frame";
import { lazyPart } from "./lazy";

export const botPage = lazyPart(async () => (await import("./bot_page")).BotPage, Frame);
export const revisionsPage = lazyPart(async () => (await import("./revisions_page")).RevisionsPage, Frame);
export const revisionPage = lazyPart(async () => (await import("./revision_page")).RevisionPage, Frame);
export const tradingPage = lazyPart(async () => (await import("./trading_page")).TradingPage, Frame);
export const logsPage = lazyPart(async () => (await import("./logs_page")).LogsPage, Frame);
export const comparePage = lazyPart(async () => (await import("./compare_page")).ComparePage, Frame);
export const alertsPage = lazyPart(async () => (await import("./alerts_page")).AlertsPage, Frame);
export const errorsPage = lazyPart(async () => (await import("./errors_page")).ErrorsPage, Frame);
export const errorPage = lazyPart(async () => (await import("./error_page")).ErrorPage, Frame);
export const systemPage = lazyPart(async () => (await import("./system_page")).SystemPage, Frame);
