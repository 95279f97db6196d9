// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <span>

#include <yaml-cpp/yaml.h>

#include "launch/config/config_schema.h"
#include "launch/config/model_options.h"
#include "launch/config/near_name.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

/// Where a piece of YAML stands: a file with lines, or one argument without.
struct Source {
  std::string name;
  bool has_lines = true;

  std::string at(const YAML::Mark& mark) const {
    return has_lines && !mark.is_null() ? name + ":" + std::to_string(mark.line + 1) : name;
  }
};

[[noreturn]] void refuse(const std::string& place, const std::string& what) {
  throw Error(Errc::kInvalidArgument, place + ": " + what);
}

std::string found(const YAML::Node& node) {
  if (node.IsMap()) return "a section";
  if (node.IsSequence()) {
    std::string list;
    for (const auto& entry : node) list += (list.empty() ? "" : ", ") + entry.as<std::string>("?");
    return "[" + list + "]";
  }
  if (!node.IsScalar()) return "nothing";
  const bool quoted = node.Tag() == "!";
  return (quoted ? "the text '" : "'") + node.Scalar() + "'";
}

template <typename Number>
std::optional<Number> number_in(const YAML::Node& node) {
  if (!node.IsScalar() || node.Tag() == "!") return std::nullopt;
  const std::string& text = node.Scalar();
  const char* const first = text.data() + (text.starts_with("+") ? 1 : 0);
  const char* const last = text.data() + text.size();
  Number number{};
  const auto [end, error] = std::from_chars(first, last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

std::optional<ConfigValue> value_like(bool, const YAML::Node& node) {
  if (!node.IsScalar() || node.Tag() == "!") return std::nullopt;
  if (node.Scalar() == "true") return ConfigValue(true);
  if (node.Scalar() == "false") return ConfigValue(false);
  return std::nullopt;
}

std::optional<ConfigValue> value_like(std::int64_t, const YAML::Node& node) {
  const auto number = number_in<std::int64_t>(node);
  return number ? std::optional<ConfigValue>(*number) : std::nullopt;
}

std::optional<ConfigValue> value_like(double, const YAML::Node& node) {
  const auto number = number_in<double>(node);
  return number && std::isfinite(*number) ? std::optional<ConfigValue>(*number) : std::nullopt;
}

std::optional<ConfigValue> value_like(const std::string&, const YAML::Node& node) {
  return node.IsScalar() ? std::optional<ConfigValue>(node.Scalar()) : std::nullopt;
}

template <std::size_t kSize>
std::optional<ConfigValue> value_like(const std::array<std::int64_t, kSize>&,
                                      const YAML::Node& node) {
  std::array<std::int64_t, kSize> list{};
  if (!node.IsSequence() || node.size() != list.size()) return std::nullopt;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto number = number_in<std::int64_t>(node[i]);
    if (!number) return std::nullopt;
    list[i] = *number;
  }
  return ConfigValue(list);
}

template <std::size_t kSize>
bool all_in_bounds(const ConfigKey& key, const ConfigValue& value) {
  const auto* list = std::get_if<std::array<std::int64_t, kSize>>(&value);
  if (list == nullptr) return true;
  return std::all_of(list->begin(), list->end(), [&](std::int64_t entry) {
    return key.bounds.contains(static_cast<double>(entry));
  });
}

bool in_bounds(const ConfigKey& key, const ConfigValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    return key.bounds.contains(static_cast<double>(*whole));
  }
  if (const auto* real = std::get_if<double>(&value)) return key.bounds.contains(*real);
  return all_in_bounds<3>(key, value) && all_in_bounds<4>(key, value);
}

[[noreturn]] void refuse_key(const std::string& place, const std::string& path) {
  const auto old = std::ranges::find(retired_keys(), path, &RetiredKey::path);
  if (old != retired_keys().end()) {
    refuse(place,
           "key '" + path + "' is " +
               (old->now.empty() ? "no longer used: leave it out"
                                 : "called '" + std::string(old->now) + "' now"));
  }
  const std::string near = did_you_mean(path, config_names());
  refuse(place,
         "unknown key '" + path + "'" +
             (near.empty() ? "; 'larkspur inspect config' lists all" : near));
}

/// Takes one value into the configuration and remembers where it came from.
void set_node(LoadedConfig& loaded,
              const ConfigKey& key,
              const YAML::Node& node,
              const std::string& place) {
  const std::string path(key.path);
  const auto wrong = [&](const std::string& hint) {
    refuse(place, path + ": expected " + key.expects() + ", found " + found(node) + hint);
  };
  const ConfigValue now = key.get(loaded.config);
  const auto value = std::visit([&](const auto& like) { return value_like(like, node); }, now);
  const bool lacks_text = node.IsNull() && std::holds_alternative<std::string>(now);
  if (!value || !in_bounds(key, *value)) wrong(lacks_text ? "; an empty one is ''" : "");
  if (!key.choices.empty()) {
    const std::string& word = std::get<std::string>(*value);
    const std::vector<std::string> words(key.choices.begin(), key.choices.end());
    if (std::find(words.begin(), words.end(), word) == words.end())
      wrong(did_you_mean(word, words));
  }
  key.set(loaded.config, *value);
  loaded.origins[path] = place;
}

/// One file, or one saved configuration, on its way into a configuration.
class SectionReader {
 public:
  SectionReader(LoadedConfig& loaded, const Source& source) : loaded_(loaded), source_(source) {}

  /// Retired names are taken as what they are called now, unknown ones kept for the caller to
  /// judge.
  void take_as_saved(std::span<const RetiredKey> retired) {
    saved_ = true;
    retired_ = retired;
  }

  /// Walks a section; `prefix` is empty or ends in a dot.
  void read(const YAML::Node& section, const std::string& prefix) {
    for (const auto& entry : section) {
      const std::string place = source_.at(entry.first.Mark());
      if (!entry.first.IsScalar()) refuse(place, "expected a key, found " + found(entry.first));
      const std::string path = prefix + entry.first.Scalar();
      if (!seen_.insert(path).second) refuse(place, "key '" + path + "' is given twice");
      if (prefix.empty() && path == "base") continue;
      read_entry(entry.second, path, place);
    }
  }

 private:
  void read_entry(const YAML::Node& node, const std::string& path, const std::string& place) {
    if (const ConfigKey* key = find_config_key(path)) return set_node(loaded_, *key, node, place);
    if (is_config_section(path) && !node.IsMap()) {
      refuse(place, path + ": expected a section of keys, found " + found(node));
    }
    if (is_config_section(path) || (saved_ && node.IsMap())) return read(node, path + ".");
    const auto old = std::ranges::find(retired_, path, &RetiredKey::path);
    if (old != retired_.end()) {
      if (!old->now.empty()) set_node(loaded_, *find_config_key(old->now), node, place);
    } else if (saved_) {
      loaded_.unknown.push_back({path, found(node)});
    } else {
      refuse_key(place, path);
    }
  }

  LoadedConfig& loaded_;
  const Source& source_;
  std::set<std::string> seen_;  // whole paths: `a: {b: 1}` and `a.b: 2` are one key
  bool saved_ = false;
  std::span<const RetiredKey> retired_;
};

YAML::Node parse(const std::string& text, const Source& source) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    refuse(source.at(error.mark), error.msg);
  }
}

YAML::Node parse_sections(const std::string& text, const Source& source) {
  const YAML::Node root = parse(text, source);
  if (!root.IsMap() && !root.IsNull()) {
    refuse(source.at(root.Mark()), "expected sections and keys, found " + found(root));
  }
  return root;
}

/// `asked` begins the message when the file is not there: the line that names it, or nothing.
std::string text_of_file(const std::filesystem::path& file, const std::string& asked) {
  namespace fs = std::filesystem;
  std::error_code unreadable;
  const auto status = fs::status(file, unreadable);
  require(fs::exists(status),
          Errc::kNotFound,
          asked,
          file.string(),
          ": no such file",
          did_you_mean_path(file));
  require(!fs::is_directory(status),
          Errc::kInvalidArgument,
          asked,
          file.string(),
          ": is a folder, expected a YAML file");
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  require(stream.good() || stream.eof(), Errc::kIo, asked, "cannot read ", file.string());
  return text;
}

void read_base(LoadedConfig& loaded, const YAML::Node& root, const std::filesystem::path& file) {
  for (const auto& entry : root) {
    if (!entry.first.IsScalar() || entry.first.Scalar() != "base") continue;
    const std::string place = Source{file.string()}.at(entry.first.Mark());
    if (!entry.second.IsScalar()) {
      refuse(place, "base: expected the name of a file, found " + found(entry.second));
    }
    const std::filesystem::path base = file.parent_path() / entry.second.Scalar();
    const Source source{base.string()};
    const YAML::Node sections = parse_sections(text_of_file(base, place + ": base: "), source);
    for (const auto& inner : sections) {
      if (inner.first.IsScalar() && inner.first.Scalar() == "base") {
        refuse(source.at(inner.first.Mark()), "a base of another file has no base of its own");
      }
    }
    SectionReader(loaded, source).read(sections, "");
  }
}

void read_override(LoadedConfig& loaded, const std::string& argument, std::set<std::string>& seen) {
  const Source source{"argument '" + argument + "'", false};
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos) refuse(source.name, "expected key=value");
  const std::string path = argument.substr(0, equals);
  const ConfigKey* key = find_config_key(path);
  if (key == nullptr && is_config_section(path)) {
    refuse(source.name, path + " is a section; set one of its keys, as " + path + ".KEY=value");
  }
  if (key == nullptr) refuse_key(source.name, path);
  if (!seen.insert(path).second) {
    refuse(source.name, "key '" + path + "' is given twice on the command line");
  }
  set_node(loaded, *key, parse(argument.substr(equals + 1), source), source.name);
}

bool takes_list(const ConfigKey& key) {
  const ConfigValue value = key.get(RunConfig{});
  return std::holds_alternative<std::array<std::int64_t, 3>>(value) ||
         std::holds_alternative<std::array<std::int64_t, 4>>(value);
}

/// "5x13x13", "5,13,13" and "[5, 13, 13]" as YAML has lists.
std::string yaml_of_list(std::string text) {
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  std::ranges::replace(text, 'x', ',');
  return "[" + text + "]";
}

}  // namespace

std::filesystem::path config_path(const std::filesystem::path& named) {
  std::error_code error;
  return std::filesystem::is_directory(named, error) ? named / "config.yaml" : named;
}

LoadedConfig load_config(const std::filesystem::path& file,
                         const std::vector<std::string>& overrides) {
  const Source source{file.string()};
  const YAML::Node root = parse_sections(text_of_file(file, ""), source);
  LoadedConfig loaded;
  read_base(loaded, root, file);
  SectionReader(loaded, source).read(root, "");
  override_config(loaded, overrides);
  return loaded;
}

void override_config(LoadedConfig& loaded, const std::vector<std::string>& overrides) {
  std::set<std::string> seen;
  for (const std::string& argument : overrides) read_override(loaded, argument, seen);
  loaded.config.model = filled_by_form(loaded.config.model);
  check(loaded);
}

void set_key(LoadedConfig& loaded,
             const ConfigKey& key,
             const std::string& text,
             const std::string& place) {
  const std::string yaml = takes_list(key) ? yaml_of_list(text) : text;
  set_node(loaded, key, parse(yaml, Source{place, false}), place);
}

LoadedConfig parse_config(const std::string& text,
                          const std::string& name,
                          std::span<const RetiredKey> retired) {
  const Source source{name};
  const YAML::Node root = parse_sections(text, source);
  if (root["base"]) refuse(name, "has a base; a saved configuration is whole");
  LoadedConfig loaded;
  SectionReader reader(loaded, source);
  reader.take_as_saved(retired);
  reader.read(root, "");
  loaded.config.model = filled_by_form(loaded.config.model);
  check(loaded);
  return loaded;
}

}  // namespace larkspur::launch
