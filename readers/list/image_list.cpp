// SPDX-License-Identifier: Apache-2.0
#include "readers/list/image_list.h"

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/class_folders.h"
#include "readers/list/folder_walk.h"
#include "readers/list/labelled_list.h"

namespace larkspur::readers {

SampleList read_image_list(const ListOptions& options) {
  const std::filesystem::path folder = options.list.empty() ? options.root : options.list;
  if (is_folder(folder)) return read_class_folders(folder, options, {is_image_file, "picture"});
  const ListPlace place = find_list(options);
  SampleList list = read_labelled(
      read_lines(place.list), place, ClassNames(options.labels), options.several_labels);
  pipeline::require(!list.entries.empty(),
                    pipeline::Errc::kInvalidArgument,
                    "list ",
                    place.list.string(),
                    ": holds no sample");
  return list;
}

}  // namespace larkspur::readers
