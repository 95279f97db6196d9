// SPDX-License-Identifier: Apache-2.0
// What is wrong with the options of a network, by the name of the field at fault.
#pragma once

#include <string>

#include "pipeline/require.h"

namespace larkspur::model3d {

/// kInvalidArgument "[model] FIELD: REASON". Who has the field under another name, or knows where
/// it was set, puts the reason behind that.
class OptionError : public pipeline::Error {
 public:
  OptionError(const std::string& field, const std::string& reason)
      : Error(pipeline::Errc::kInvalidArgument, "[model] " + field + ": " + reason),
        field_(field),
        reason_(reason) {}

  const std::string& field() const noexcept { return field_; }
  const std::string& reason() const noexcept { return reason_; }  ///< begins with the value

 private:
  std::string field_;
  std::string reason_;
};

/// Throws OptionError unless the condition holds.
template <typename... Parts>
void require_option(bool condition, const char* field, const Parts&... reason) {
  if (!condition) throw OptionError(field, pipeline::text_of(reason...));
}

}  // namespace larkspur::model3d
