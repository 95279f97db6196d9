// SPDX-License-Identifier: Apache-2.0
// What opening a video found out, as bytes: a few a packet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "readers/video/video_index.h"

namespace larkspur::readers {

/// Rises when the bytes, or what a record says of a video, change.
inline constexpr std::uint64_t kRecordVersion = 1;

/// Whole numbers as LEB128, differences of neighbours where numbers rise. The same record, the
/// same bytes.
std::string bytes_of(const VideoRecord& record);

/// The record; nothing for bytes that bytes_of() does not give. Allocates no more than a small
/// multiple of their number. Who keeps them checks them: a changed byte may give another record.
std::optional<VideoRecord> record_of(std::string_view bytes);

}  // namespace larkspur::readers
