// A breakout: long where the price leaves the range of its last values upwards, flat where it leaves it downwards.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <thread>

#include "config.hpp"

static std::atomic<bool> stopping{false};

static long long now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

static std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));
static std::string text(const char* format, ...) {
  char buffer[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(buffer, sizeof buffer, format, values);
  va_end(values);
  return buffer;
}

static void metric(const char* kind, const std::string& fields) {
  std::printf("{\"_metric\":\"%s\",\"timestamp\":%lld,%s}\n", kind, now(), fields.c_str());
}

static void log(const std::string& message) {
  std::printf("{\"level\":\"info\",\"message\":\"%s\",\"timestamp\":%lld}\n", message.c_str(), now());
}

static void pause(double seconds) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::duration<double>(seconds);
  while (clock::now() < end && !stopping) std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

// A made-up market: it trends for a while, then in another direction.
class Market {
 public:
  explicit Market(double price) : price_(price), middle_(price) {}

  double step() {
    if (std::uniform_int_distribution<int>{0, 39}(random_) == 0) trend_ = normal_(random_) * 0.0004;
    price_ *= 1 + trend_ + normal_(random_) * 0.0006;
    return price_ += 0.002 * (middle_ - price_);
  }

 private:
  std::mt19937 random_{std::random_device{}()};
  std::normal_distribution<double> normal_;
  double price_, middle_, trend_ = 0;
};

class Trader {
 public:
  Trader(std::string symbol, std::size_t window) : symbol_(std::move(symbol)), window_(window) {}

  void see(double price) {
    if (range_.size() == window_) {
      const auto [low, high] = std::minmax_element(range_.begin(), range_.end());
      if (price > *high && units_ == 0) trade("buy", "long", price, 100);
      if (price < *low && units_ > 0) trade("sell", "flat", price, -units_);
      range_.pop_front();
    }
    range_.push_back(price);
    metric("price", text("\"symbol\":\"%s\",\"value\":%.4f", symbol_.c_str(), price));
    metric("equity", text("\"equity\":%.2f,\"currency\":\"USDT\"", cash_ + units_ * price));
  }

  int fills() const { return fills_; }

 private:
  void trade(const char* side, const char* position, double price, double units) {
    metric("signal", text("\"symbol\":\"%s\",\"direction\":\"%s\",\"price\":%.4f", symbol_.c_str(), side, price));
    units_ += units;
    cash_ -= units * price;
    metric("trade", text("\"trade_id\":\"b%d\",\"symbol\":\"%s\",\"side\":\"%s\",\"quantity\":%.0f,\"price\":%.4f",
                         ++fills_, symbol_.c_str(), side, std::abs(units), price));
    metric("position", text("\"symbol\":\"%s\",\"side\":\"%s\",\"quantity\":%.0f", symbol_.c_str(), position, units_));
  }

  std::string symbol_;
  std::size_t window_;
  std::deque<double> range_;
  double cash_ = 10000, units_ = 0;
  int fills_ = 0;
};

int main() {
  std::signal(SIGTERM, [](int) { stopping = true; });
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const Config config;
  const std::string id = std::getenv("BOT_ID"), symbol = config.text("symbol");
  Market market{config.number("start_price")};
  Trader trader{symbol, static_cast<std::size_t>(config.number("window"))};
  log(text("%s waits for %s to leave its range", id.c_str(), symbol.c_str()));
  while (!stopping) {
    trader.see(market.step());
    pause(config.number("every"));
  }
  log(text("%s was asked to stop, %d fills", id.c_str(), trader.fills()));
}
