// SPDX-License-Identifier: Apache-2.0
// Packs of clouds as lists: every cloud of every pack is a sample, its label stands in the pack.
//
//   folder     <root>/ply_data_<split>0.h5, ply_data_<split>1.h5, ...; <split>_files.txt there says
//              which and in which order, shape_names.txt the class names
//   file list  a pack a line, "data/modelnet40_ply_hdf5_2048/ply_data_train0.h5"; where that is not
//              below the root, the file of that name in it
//   one pack   itself
//
// Samples are named "<pack>#<row>".
#pragma once

#include <string>
#include <vector>

#include "readers/list/list_file.h"
#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// A pack, and who names it, for messages.
struct NamedPack {
  std::filesystem::path path;
  std::string place;
};

/// Whether packs lie in a folder, of any split.
bool holds_packs(const std::filesystem::path& folder);

/// Whether the first line of a list is a pack.
bool is_pack_list(const std::vector<ListLine>& lines);

/// The clouds of packs, one pack after the other. Class names are those of options.labels, else of
/// shape_names.txt beside the first pack, else the numbers. Opens every pack, reads no points.
/// Throws as read_pack_facts(), kInvalidArgument for a pack without labels or a label that has no
/// name.
SampleList read_packs(const std::vector<NamedPack>& packs, const ListOptions& options);

/// The clouds of one pack, labels unheeded: all 0. Throws as read_pack_facts().
std::vector<SampleEntry> clouds_of_pack(const std::filesystem::path& pack);

/// Those of a folder or of a file list. Throws kNotFound naming the folder that has none of the
/// split, or the line whose pack is not there.
SampleList read_packs_of(const std::filesystem::path& folder, const ListOptions& options);
SampleList read_packs_in(const std::vector<ListLine>& lines,
                         const std::filesystem::path& list,
                         const std::filesystem::path& root,
                         const ListOptions& options);

}  // namespace larkspur::readers
