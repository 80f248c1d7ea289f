// A first bot: it needs nothing but the standard library, and shows what herdsman sees of a bot.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "config.hpp"

static std::atomic<bool> stopping{false};

static long long now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

// A JSON line with `_metric` becomes series on the dashboard; `fields` is JSON without its braces.
static void metric(const std::string& kind, const std::string& fields) {
  std::printf("{\"_metric\":\"%s\",\"timestamp\":%lld,%s}\n", kind.c_str(), now(), fields.c_str());
}

static void pause(double seconds) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::duration<double>(seconds);
  while (clock::now() < end && !stopping) std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

int main() {
  // herdsman asks a bot to stop with SIGTERM: cancel orders, save, end.
  std::signal(SIGTERM, [](int) { stopping = true; });
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // each line is seen as it is printed
  const Config config;
  const std::string symbol = config.text("symbol"), id = std::getenv("BOT_ID");
  std::printf("%s watches %s\n", id.c_str(), symbol.c_str());
  std::mt19937 random{std::random_device{}()};
  std::normal_distribution<double> step{1.0, 0.001};
  double price = 100;
  const double cash = 5000, amount = 50;
  while (!stopping) {
    price *= step(random);
    metric("price", "\"symbol\":\"" + symbol + "\",\"value\":" + std::to_string(price));
    metric("equity", "\"equity\":" + std::to_string(cash + amount * price) + ",\"currency\":\"USDT\"");
    pause(config.number("every"));
  }
  std::printf("%s stopped as asked\n", id.c_str());
}
