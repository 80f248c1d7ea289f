//! A first bot: it needs no package, and shows what herdsman sees of a bot.

mod config;

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SIGTERM: i32 = 15;
static STOPPING: AtomicBool = AtomicBool::new(false);

extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

/// herdsman asks a bot to stop with SIGTERM: cancel orders, save, end.
extern "C" fn stop(_: i32) {
    STOPPING.store(true, Ordering::Relaxed);
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis()
}

/// A JSON line with `_metric` becomes series on the dashboard; `fields` is JSON without its braces.
fn metric(kind: &str, fields: &str) {
    println!("{{\"_metric\":\"{kind}\",\"timestamp\":{},{fields}}}", now());
}

/// A number between -0.5 and 0.5.
fn random(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

fn pause(seconds: f64) {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end && !STOPPING.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(50).min(end.saturating_duration_since(Instant::now())));
    }
}

fn main() {
    unsafe { signal(SIGTERM, stop) };
    let config = config::Config::from_environment();
    let (symbol, every) = (config.text("symbol"), config.number("every"));
    let id = env::var("BOT_ID").unwrap_or_default();
    println!("{id} watches {symbol}");
    let (mut price, cash, amount) = (100.0, 5_000.0, 50.0);
    let mut state = now() as u64 | 1;
    while !STOPPING.load(Ordering::Relaxed) {
        price *= 1.0 + random(&mut state) * 0.003;
        metric("price", &format!("\"symbol\":\"{symbol}\",\"value\":{price:.4}"));
        metric("equity", &format!("\"equity\":{:.2},\"currency\":\"USDT\"", cash + amount * price));
        pause(every);
    }
    println!("{id} stopped as asked");
}
