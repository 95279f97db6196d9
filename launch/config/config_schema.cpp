// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include <nlohmann/json.hpp>

#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

/// Shortest digits that read back to the same double, with a mark that keeps them a real.
std::string text_of_real(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  std::string text(digits, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/.";

/// Words that some reader of YAML takes for a truth value or for nothing, in any case.
bool is_taken(std::string word) {
  constexpr std::string_view taken[] = {
      "true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  for (char& c : word) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return std::find(std::begin(taken), std::end(taken), word) != std::end(taken);
}

/// Unquoted only where no reader of YAML could take it for anything but text; else as a JSON
/// string, which YAML reads too.
std::string text_of_word(const std::string& word) {
  const bool plain = !word.empty() && kLetters.find(word[0]) != std::string_view::npos &&
                     word.find_first_not_of(kPlain) == std::string::npos;
  if (plain && !is_taken(word)) return word;
  using Invalid = nlohmann::json::error_handler_t;
  return nlohmann::json(word).dump(-1, ' ', false, Invalid::replace);
}

template <std::size_t kSize>
std::string text_of_list(const std::array<std::int64_t, kSize>& list) {
  std::string text;
  for (const std::int64_t entry : list) {
    text += (text.empty() ? "[" : ", ") + std::to_string(entry);
  }
  return text + "]";
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace

std::string text_of_value(const ConfigValue& value) {
  return std::visit(Overloaded{[](bool flag) { return std::string(flag ? "true" : "false"); },
                               [](std::int64_t number) { return std::to_string(number); },
                               [](double number) { return text_of_real(number); },
                               [](const std::string& word) { return text_of_word(word); },
                               [](const auto& list) { return text_of_list(list); }},
                    value);
}

bool Bounds::contains(double value) const {
  const bool above_low = low_open ? value > low : value >= low;
  const bool below_high = high_open ? value < high : value <= high;
  return above_low && below_high;
}

std::string Bounds::text() const {
  std::ostringstream text;
  text.precision(15);
  if (low == -kNoBound && high == kNoBound) return "";
  if (high == kNoBound) {
    text << (low_open ? "> " : ">= ") << low;
  } else {
    text << "in " << (low_open ? "(" : "[") << low << ", " << high << (high_open ? ")" : "]");
  }
  return text.str();
}

std::string ConfigKey::expects() const {
  if (!choices.empty()) return joined(choices);
  constexpr std::array<const char*, std::variant_size_v<ConfigValue>> types{
      "true or false",
      "a whole number",
      "a number",
      "text",
      "a list of 3 whole numbers",
      "a list of 4 whole numbers"};
  const std::string range = bounds.text();
  return types[get(RunConfig{}).index()] + (range.empty() ? "" : " " + range);
}

bool ConfigKey::is_taken_by(ModelForm form) const {
  return forms.empty() || std::find(forms.begin(), forms.end(), form) != forms.end();
}

std::string ConfigKey::full_meaning() const {
  std::string text;
  for (const ModelForm form : forms) {
    text += text.empty() ? (forms.size() == 1 ? "form " : "forms ") : ", ";
    text += enum_name(form);
  }
  return text + (text.empty() ? "" : ": ") + std::string(meaning);
}

std::string ConfigKey::option() const {
  if (path == "model.form" || path == "model.variant") return "--model";
  std::string text = "--" + std::string(name());
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

const ConfigKey* find_config_key(std::string_view path) {
  for (const ConfigKey& key : config_keys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

bool is_config_section(std::string_view path) {
  return std::any_of(config_keys().begin(), config_keys().end(), [&](const ConfigKey& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

std::vector<std::string> config_names() {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys()) {
    for (std::size_t dot = key.path.find('.'); dot != std::string_view::npos;
         dot = key.path.find('.', dot + 1)) {
      const std::string section(key.path.substr(0, dot));
      if (std::find(names.begin(), names.end(), section) == names.end()) names.push_back(section);
    }
    names.emplace_back(key.path);
  }
  return names;
}

std::string write_config(const RunConfig& config) {
  std::string text;
  std::string open;  // section of the line before, with a dot at its end
  for (const ConfigKey& key : config_keys()) {
    const std::string_view path = key.path;
    std::string indent;
    std::size_t begin = 0;
    for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
         begin = dot + 1, dot = path.find('.', begin), indent += "  ") {
      if (open.starts_with(path.substr(0, dot + 1))) continue;
      text += indent + std::string(path.substr(begin, dot - begin)) + ":\n";
    }
    open = path.substr(0, begin);
    text += indent + std::string(path.substr(begin)) + ": " + text_of_value(key.get(config)) + "\n";
  }
  return text;
}

std::vector<const ConfigKey*> differing_keys(const RunConfig& a, const RunConfig& b) {
  std::vector<const ConfigKey*> differing;
  for (const ConfigKey& key : config_keys()) {
    if (key.get(a) != key.get(b)) differing.push_back(&key);
  }
  return differing;
}

std::vector<ConfigChange> config_changes(const RunConfig& saved, const RunConfig& now) {
  std::vector<ConfigChange> changes;
  for (const ConfigKey* key : differing_keys(saved, now)) {
    changes.push_back({key, text_of_value(key->get(saved)), text_of_value(key->get(now))});
  }
  return changes;
}

}  // namespace larkspur::launch
