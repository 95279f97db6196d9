// SPDX-License-Identifier: Apache-2.0
#include "launch/run/exit_code.h"

namespace larkspur::launch {

int exit_code(pipeline::Errc code, Phase phase) noexcept {
  using pipeline::Errc;
  switch (code) {
    case Errc::kDevice:
    case Errc::kCollective:
      return kExitDevice;
    case Errc::kCancelled:
      return kExitStopped;
    case Errc::kInvalidArgument:
      return phase == Phase::kCheckpoint ? kExitCheckpoint : kExitUsage;
    case Errc::kNotFound:
      if (phase == Phase::kStart) return kExitUsage;
      return phase == Phase::kCheckpoint ? kExitCheckpoint : kExitData;
    case Errc::kIo:
      return phase == Phase::kStart ? kExitUsage : kExitCheckpoint;
    case Errc::kCorruptData:
    case Errc::kUnsupported:
      return phase == Phase::kCheckpoint ? kExitCheckpoint : kExitData;
  }
  return kExitBug;
}

}  // namespace larkspur::launch
