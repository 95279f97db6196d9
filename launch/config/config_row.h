// SPDX-License-Identifier: Apache-2.0
// How a row of the key table is written: the field, its path and meaning, then what holds for it.
//
//   key<&RunConfig::train, &TrainConfig::keep>("train.keep", "newest checkpoints kept")
//       .within(1, 1000000)
//       .on_resume(ResumeRule::kMayChange)
#pragma once

#include <initializer_list>
#include <type_traits>
#include <utility>

#include "launch/config/config_schema.h"

namespace larkspur::launch {

template <typename T>
constexpr bool kIsWholeNumber = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <typename T>
ConfigValue to_value(const T& field) {
  if constexpr (std::is_enum_v<T>) {
    return enum_name(field);
  } else if constexpr (kIsWholeNumber<T>) {
    return static_cast<std::int64_t>(field);
  } else {
    return field;
  }
}

template <typename T>
void from_value(T& field, const ConfigValue& value) {
  if constexpr (std::is_enum_v<T>) {
    const auto words = enum_names(field);
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == std::get<std::string>(value)) field = static_cast<T>(i);
    }
  } else if constexpr (kIsWholeNumber<T>) {
    field = static_cast<T>(std::get<std::int64_t>(value));
  } else {
    field = std::get<T>(value);
  }
}

/// The field that a chain of members leads to.
template <auto First, auto... Rest, typename Object>
auto& reach(Object& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return reach<Rest...>(object.*First);
  }
}

/// A row under construction: each call adds one property.
struct Row : ConfigKey {
  Row at_least(double low) const { return with({low, kNoBound}); }
  Row above(double low) const { return with({low, kNoBound, true}); }
  Row above_up_to(double low, double high) const { return with({low, high, true}); }
  Row within(double low, double high) const { return with({low, high}); }
  Row below(double low, double high) const { return with({low, high, false, true}); }
  Row one_of(std::span<const std::string_view> words) const {
    Row row = *this;
    row.choices = words;
    return row;
  }
  Row names(PathKind kind) const {
    Row row = *this;
    row.exists = kind;
    return row;
  }
  Row on_resume(ResumeRule changed) const {
    Row row = *this;
    row.rule = changed;
    return row;
  }
  Row decides(KeyRole part) const {
    Row row = *this;
    row.role = part;
    return row;
  }
  Row of_forms(std::initializer_list<ModelForm> some) const {
    Row row = *this;
    row.forms = some;
    return row;
  }

 private:
  Row with(const Bounds& range) const {
    Row row = *this;
    row.bounds = range;
    return row;
  }
};

template <auto... Members>
Row key(std::string_view path, std::string_view meaning) {
  Row row;
  row.path = path;
  row.meaning = meaning;
  row.get = [](const RunConfig& config) { return to_value(reach<Members...>(config)); };
  row.set = [](RunConfig& config, const ConfigValue& value) {
    from_value(reach<Members...>(config), value);
  };
  using Field = std::remove_cvref_t<decltype(reach<Members...>(std::declval<RunConfig&>()))>;
  if constexpr (std::is_enum_v<Field>) row.choices = enum_names(Field{});
  return row;
}

/// The rows about the network, in a source of their own.
std::vector<Row> model_rows();

}  // namespace larkspur::launch
