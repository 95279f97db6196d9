// SPDX-License-Identifier: Apache-2.0
// Lists of videos that are folders of pictures, as TSN and mmaction2 write them:
//
//   abseiling/4YTwq0-73Y0 300 0          folder, frames, label; with several labels all of them
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "pipeline/error.h"
#include "readers/list/class_names.h"
#include "readers/list/labelled_list.h"
#include "readers/list/list_file.h"
#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Whether every line ends in whole numbers, two at least, behind a path that ends like no sample,
/// and one of these paths, with frames, is a folder. Looks at the disk until it has found one.
bool is_frame_list(const std::vector<ListLine>& lines,
                   const std::filesystem::path& root,
                   bool several_labels);

/// Whether more of its paths are folders if all numbers behind the frames are labels than if only
/// the last one is. Looks at the disk where lines can be read both ways.
bool has_several_labels(const std::vector<ListLine>& lines, const std::filesystem::path& root);

/// The samples of such a list, `frames` as it says. Of several labels the first number behind the
/// path counts frames, else the last but one; 0, of a video that was not unpacked, is a bad sample.
/// Throws as read_labelled().
SampleList read_frame_list(const std::vector<ListLine>& lines,
                           const ListPlace& place,
                           const ClassNames& labels,
                           bool several_labels);

/// Why a folder is not the video of which a list names `listed` pictures, and holds `there`, once
/// that is known: kCorruptData naming the folder where that is 0, or more than are there.
std::optional<pipeline::Error> listed_frames_error(const std::filesystem::path& folder,
                                                   std::optional<std::int64_t> listed,
                                                   std::optional<std::int64_t> there = {});

}  // namespace larkspur::readers
