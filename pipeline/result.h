// SPDX-License-Identifier: Apache-2.0
// A value, or the Error that stands in its place. Used where the loop decides sample by sample.
#pragma once

#include <utility>
#include <variant>

#include "pipeline/error.h"

namespace larkspur::pipeline {

/// Exactly one of the two. value() of a failure throws its Error; error() of a success is
/// undefined.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : content_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const noexcept { return std::holds_alternative<T>(content_); }
  explicit operator bool() const noexcept { return ok(); }

  const T& value() const& { return ok() ? std::get<T>(content_) : throw std::get<Error>(content_); }
  T&& value() && {
    return ok() ? std::get<T>(std::move(content_)) : throw std::get<Error>(content_);
  }
  const Error& error() const { return std::get<Error>(content_); }

 private:
  std::variant<T, Error> content_;
};

}  // namespace larkspur::pipeline
