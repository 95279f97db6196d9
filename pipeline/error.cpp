// SPDX-License-Identifier: Apache-2.0
#include "pipeline/error.h"

namespace larkspur::pipeline {

std::string_view name_of(Errc code) noexcept {
  switch (code) {
    case Errc::kInvalidArgument:
      return "invalid argument";
    case Errc::kNotFound:
      return "not found";
    case Errc::kCorruptData:
      return "corrupt data";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kIo:
      return "input/output";
    case Errc::kDevice:
      return "device";
    case Errc::kCollective:
      return "collective";
    case Errc::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

Error Error::within(std::string_view context) const {
  return Error(code_, std::string(context) + ": " + what());
}

}  // namespace larkspur::pipeline
