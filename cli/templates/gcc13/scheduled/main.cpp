// One run: look, decide, say so, end. herdsman starts the next one at the next slot.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "config.hpp"

static long long now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

// A JSON line with `_metric` becomes series on the dashboard; `fields` is JSON without its braces.
static void metric(const std::string& kind, const std::string& fields) {
  std::printf("{\"_metric\":\"%s\",\"timestamp\":%lld,%s}\n", kind.c_str(), now(), fields.c_str());
}

// The outcome of this run, as `herdsman status` and the run history show it.
static void result(const std::string& status, const std::string& message) {
  std::ofstream file{"/" + std::string(std::getenv("CODE_MOUNT_DIR")) + "/result.json"};
  file << "{\"status\":\"" << status << "\",\"message\":\"" << message << "\"}";
}

// SIGTERM ends a run at once: what must be put in order first belongs into a handler of it.
int main() {
  const Config config;
  const std::string symbol = config.text("symbol");
  std::mt19937 random{std::random_device{}()};
  const auto price = std::to_string(std::normal_distribution<double>{100, 1}(random));
  metric("price", "\"symbol\":\"" + symbol + "\",\"value\":" + price);
  std::printf("%s saw %s at %s\n", std::getenv("BOT_ID"), symbol.c_str(), price.c_str());
  result("success", symbol + " at " + price);
}
