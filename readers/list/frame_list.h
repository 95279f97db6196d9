// SPDX-License-Identifier: Apache-2.0
// Lists of videos that are folders of pictures, as TSN and mmaction2 write them:
//
//   abseiling/4YTwq0-73Y0 300 0          folder, frames, label; with several labels all of them
#pragma once

#include <filesystem>
#include <vector>

#include "readers/list/class_names.h"
#include "readers/list/labelled_list.h"
#include "readers/list/list_file.h"
#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Whether every line ends in whole numbers, two at least, behind a path that ends like no sample,
/// and one of these paths is a folder. Looks at the disk until it has found one.
bool is_frame_list(const std::vector<ListLine>& lines,
                   const std::filesystem::path& root,
                   bool several_labels);

/// The samples of such a list, `frames` as it says. Of several labels the first number behind the
/// path counts frames, else the last but one. Throws as read_labelled().
SampleList read_frame_list(const std::vector<ListLine>& lines,
                           const ListPlace& place,
                           const ClassNames& labels,
                           bool several_labels);

}  // namespace larkspur::readers
