// SPDX-License-Identifier: Apache-2.0
#include "launch/run/file_glance.h"

#include <filesystem>
#include <optional>

#include "launch/config/config_schema.h"
#include "launch/run/dataset.h"
#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/file_kind.h"

namespace larkspur::launch {
namespace {

bool fits(readers::FileKind found, DataKind wanted) {
  using readers::FileKind;
  switch (wanted) {
    case DataKind::kVideo:
    case DataKind::kImage:  // a picture is a video of one frame, and may be named as one
      return found == FileKind::kVideo || found == FileKind::kImage || found == FileKind::kUnknown;
    default:
      return readers::is_cloud(found) || found == FileKind::kPack;
  }
}

std::optional<std::string> fault_of(const std::filesystem::path& path, DataKind wanted) {
  std::error_code error;  // a folder may hold the pictures of a video: it is looked at when read
  if (wanted == DataKind::kVideo && std::filesystem::is_directory(path, error)) return std::nullopt;
  const auto start = readers::read_start(path, readers::kKindBytes);
  if (!start.ok()) return start.error().what();
  if (fits(readers::kind_of(path, start.value().view()), wanted)) return std::nullopt;
  const std::string advice = readers::advice_on(path, start.value().view());
  return pipeline::text_of(
      path.string(), ": no ", enum_name(wanted), advice.empty() ? "" : ", but " + advice);
}

}  // namespace

std::vector<std::string> faults_at_a_glance(const DataConfig& data,
                                            const SideConfig& side,
                                            const ListPart& share,
                                            const GlanceProgress& progress) {
  std::vector<std::string> faults;
  const readers::SampleList list = read_list(data, side);
  const std::filesystem::path* last = nullptr;
  for (auto i = static_cast<std::size_t>(share.part); i < list.entries.size();
       i += static_cast<std::size_t>(share.parts)) {
    if (progress) progress(static_cast<std::int64_t>(i), std::ssize(list.entries));
    const std::filesystem::path& path = list.entries[i].path;
    if (last != nullptr && *last == path) continue;  // another row of the same pack
    last = &path;
    if (auto fault = fault_of(path, data.kind)) faults.push_back(std::move(*fault));
  }
  return faults;
}

}  // namespace larkspur::launch
