// The bot's parameters, out of the JSON in BOT_CONFIG: enough for flat ones. For more, use a JSON library.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

class Config {
 public:
  Config() : json_(std::getenv("BOT_CONFIG") ? std::getenv("BOT_CONFIG") : "{}") {}

  // A text, as it stands between its quotation marks.
  std::string text(const std::string& key) const {
    const auto start = after(key) + 1;
    auto end = start;
    while (end < json_.size() && json_[end] != '"') end += json_[end] == '\\' ? 2 : 1;
    return json_.substr(start, end - start);
  }

  double number(const std::string& key) const { return std::stod(json_.substr(after(key))); }

 private:
  std::string::size_type after(const std::string& key) const {
    const auto quoted = "\"" + key + "\"";
    const auto start = json_.find(quoted);
    if (start == std::string::npos) throw std::runtime_error("there is no parameter " + key);
    return json_.find_first_not_of(" :", start + quoted.size());
  }

  std::string json_;
};
