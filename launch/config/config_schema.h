// SPDX-License-Identifier: Apache-2.0
// The one table of configuration keys. Reading, checking, writing back, comparing for a resume and
// the printed table of keys all walk it, so a key is added in one place.
//
// What a key is for (part of the architecture, of a form, free on resume) is in its row too: nobody
// else keeps a list of keys.
//
//   YAML text --ConfigValue--> key.set --> RunConfig --> key.get --ConfigValue--> text, comparison
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "launch/config/run_config.h"

namespace larkspur::launch {

/// The word a configuration has for a choice.
template <typename Choice>
requires std::is_enum_v<Choice> std::string enum_name(Choice choice) {
  return std::string(enum_names(choice)[static_cast<std::size_t>(choice)]);
}

/// A key's value without its C++ type: a closed choice travels as its word.
using ConfigValue = std::variant<bool,
                                 std::int64_t,
                                 double,
                                 std::string,
                                 std::array<std::int64_t, 3>,
                                 std::array<std::int64_t, 4>>;

/// The value as YAML writes it: `true`, `4`, `0.001`, `[5, 13, 13]`, a plain or quoted word. Reals
/// keep every bit and always look like reals.
std::string text_of_value(const ConfigValue& value);

/// What a change of the key means for a run that resumes. A run goes on with its bits or not at
/// all: what decides them must match, what does not may change, and the log says what did.
enum class ResumeRule : std::uint8_t {
  kMustMatch,    ///< refuse: the result would not be the run that was begun
  kSameSamples,  ///< a path: go on, since paths in the list, labels and class names are compared
  kMayChange,    ///< go on: no bit depends on it
  kNotRead,      ///< go on, with a warning: it says how a run begins, and this one has begun
  kMayDiffer     ///< go on, with a warning: the bits may differ from here
};

/// What the key decides of a network that is used: for evaluation, files of weights and commands.
enum class KeyRole : std::uint8_t {
  kNone,
  kShape,  ///< part of the architecture: which tensors there are, and of which sizes
  kRule,   ///< part of the architecture that changes no tensor, only what is done with it
  kSample  ///< how a sample looks to the network
};

inline constexpr double kNoBound = std::numeric_limits<double>::infinity();

/// The numbers a key takes. Applied to each entry of a list.
struct Bounds {
  double low = -kNoBound;
  double high = kNoBound;
  bool low_open = false;   ///< low itself is refused
  bool high_open = false;  ///< high itself is refused

  bool contains(double value) const;
  /// ">= 1", "> 0", "in [0, 1)"; empty when every number will do.
  std::string text() const;
};

/// How a path is looked at before a run starts.
enum class PathKind : std::uint8_t { kNone, kFile, kFolder, kEither };

/// One key. The table lives as long as the program; safe to read from many threads.
struct ConfigKey {
  std::string_view path;     ///< dotted, e.g. "train.lanes"
  std::string_view meaning;  ///< one clause for people, with the unit
  ResumeRule rule = ResumeRule::kMustMatch;
  KeyRole role = KeyRole::kNone;
  std::vector<ModelForm> forms{};  ///< that take it, elsewhere it stays at its default; empty: all
  Bounds bounds{};                 ///< of numbers
  std::span<const std::string_view> choices{};  ///< of words; empty: any text
  PathKind exists = PathKind::kNone;            ///< text that names something on disk
  ConfigValue (*get)(const RunConfig&) = nullptr;
  void (*set)(RunConfig&, const ConfigValue&) = nullptr;  ///< takes get's alternative, in bounds

  /// "true or false", "a whole number", "a number", "a list of 3 whole numbers" (or 4), "text", or
  /// the choices: what a message says was expected.
  std::string expects() const;

  /// meaning, behind the forms that take the key where not all do: "form clip: ...".
  std::string full_meaning() const;

  bool is_architecture() const { return role == KeyRole::kShape || role == KeyRole::kRule; }
  bool is_taken_by(ModelForm form) const;

  /// The last word of the path: "lanes".
  std::string_view name() const { return path.substr(path.rfind('.') + 1); }

  /// The option of the command line that sets it where there is no configuration: "--stem-stride",
  /// and "--model" for form and variant.
  std::string option() const;
};

/// Every key, in the order in which sections and keys are written.
std::span<const ConfigKey> config_keys();

/// The key of a dotted path, or null.
const ConfigKey* find_config_key(std::string_view path);

/// Whether keys start with "path.".
bool is_config_section(std::string_view path);

/// Every section and every key, for suggestions.
std::vector<std::string> config_names();

/// The whole configuration as YAML; reading it gives an equal configuration.
std::string write_config(const RunConfig& config);

/// Keys whose values differ.
std::vector<const ConfigKey*> differing_keys(const RunConfig& a, const RunConfig& b);

/// A name that configurations of earlier programs may hold. Rows stay for ever: so do checkpoints.
struct RetiredKey {
  std::string_view path;  ///< as it was
  std::string_view now;   ///< as it is called today; empty: dropped, it decides nothing any more
};

/// Every retired name.
std::span<const RetiredKey> retired_keys();

/// A key that differs between the configuration of a checkpoint and another.
struct ConfigChange {
  const ConfigKey* key;
  std::string saved;  ///< value in the checkpoint, as YAML
  std::string now;    ///< value asked for
};

/// The differences, in table order.
std::vector<ConfigChange> config_changes(const RunConfig& saved, const RunConfig& now);

}  // namespace larkspur::launch
