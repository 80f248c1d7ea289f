//! A grid: buys at each line that the price falls through, sells at each that it rises through.

mod config;
mod market;

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use config::Config;
use market::Market;

const SIGTERM: i32 = 15;
static STOPPING: AtomicBool = AtomicBool::new(false);

extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

extern "C" fn stop(_: i32) {
    STOPPING.store(true, Ordering::Relaxed);
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis()
}

fn metric(kind: &str, fields: &str) {
    println!("{{\"_metric\":\"{kind}\",\"timestamp\":{},{fields}}}", now());
}

fn log(message: &str) {
    println!("{{\"level\":\"info\",\"message\":\"{message}\",\"timestamp\":{}}}", now());
}

fn pause(seconds: f64) {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end && !STOPPING.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(50).min(end.saturating_duration_since(Instant::now())));
    }
}

struct Grid {
    symbol: String,
    middle: f64,
    step: f64,
    levels: f64,
    line: f64,
    cash: f64,
    units: f64,
    fills: u32,
}

impl Grid {
    /// Trades one unit for each line between the last price and this one, within the grid.
    fn follow(&mut self, price: f64) {
        let line = ((price - self.middle) / self.step).floor().clamp(-self.levels, self.levels);
        while self.line > line {
            self.fill("buy", self.middle + self.line * self.step, 1.0);
            self.line -= 1.0;
        }
        while self.line < line {
            self.line += 1.0;
            self.fill("sell", self.middle + self.line * self.step, -1.0);
        }
    }

    fn fill(&mut self, side: &str, price: f64, units: f64) {
        self.fills += 1;
        self.units += units;
        self.cash -= units * price;
        let (number, symbol) = (self.fills, &self.symbol);
        metric(
            "trade",
            &format!("\"trade_id\":\"g{number}\",\"symbol\":\"{symbol}\",\"side\":\"{side}\",\"quantity\":1,\"price\":{price:.2}"),
        );
    }

    fn report(&self, price: f64) {
        let symbol = &self.symbol;
        let side = if self.units > 0.0 { "long" } else if self.units < 0.0 { "short" } else { "flat" };
        metric("price", &format!("\"symbol\":\"{symbol}\",\"value\":{price:.2}"));
        metric("position", &format!("\"symbol\":\"{symbol}\",\"side\":\"{side}\",\"quantity\":{}", self.units.abs()));
        metric("equity", &format!("\"equity\":{:.2},\"currency\":\"USDT\"", self.cash + self.units * price));
    }
}

fn main() {
    unsafe { signal(SIGTERM, stop) };
    let config = Config::from_environment();
    let (symbol, middle) = (config.text("symbol").to_string(), config.number("start_price"));
    let step = middle * config.number("step_bps") / 10_000.0;
    let mut market = Market::new(middle, now() as u64);
    let mut grid = Grid { symbol, middle, step, levels: config.number("levels"), line: 0.0, cash: 10_000.0, units: 0.0, fills: 0 };
    let id = env::var("BOT_ID").unwrap_or_default();
    log(&format!("{id} lays a grid of {step:.2} around {middle} on {}", grid.symbol));
    while !STOPPING.load(Ordering::Relaxed) {
        market.step();
        grid.follow(market.price);
        grid.report(market.price);
        pause(config.number("every"));
    }
    log(&format!("{id} took its grid away: {} fills, {} units", grid.fills, grid.units));
}
