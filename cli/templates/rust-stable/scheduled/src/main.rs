//! One run: look, decide, say so, end. herdsman starts the next one at the next slot.

mod config;

use std::env;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis()
}

/// A JSON line with `_metric` becomes series on the dashboard; `fields` is JSON without its braces.
fn metric(kind: &str, fields: &str) {
    println!("{{\"_metric\":\"{kind}\",\"timestamp\":{},{fields}}}", now());
}

/// The outcome of this run, as `herdsman status` and the run history show it.
fn result(status: &str, message: &str) {
    let folder = env::var("CODE_MOUNT_DIR").expect("herdsman sets CODE_MOUNT_DIR");
    let text = format!("{{\"status\":\"{status}\",\"message\":\"{message}\"}}");
    fs::write(format!("/{folder}/result.json"), text).expect("the result's folder");
}

// SIGTERM ends a run at once: what must be put in order first belongs into a handler of it.
fn main() {
    let config = config::Config::from_environment();
    let symbol = config.text("symbol");
    let price = 98.0 + (now() % 4000) as f64 / 1000.0;
    metric("price", &format!("\"symbol\":\"{symbol}\",\"value\":{price:.2}"));
    println!("{} saw {symbol} at {price:.2}", env::var("BOT_ID").unwrap_or_default());
    result("success", &format!("{symbol} at {price:.2}"));
}
