// SPDX-License-Identifier: Apache-2.0
// Which clouds there are and what they show: the layouts in which people keep ModelNet-40.
//
//   folder      <root>/<class>/<split>/<class>_0001.off        (or what cloud_file.h reads)
//               <root>/<class>/30/<split>/<class>_000000182_1.mat   3DShapeNets' volumes
//   list file   chair/train/chair_0001.npy 8                   path, then a number or class name
//   id list     modelnet40_train.txt: night_stand_0001         class up to the last underscore;
//               modelnet40_shape_names.txt beside it           <root>/<class>/<id>.txt
//   packs       a folder with ply_data_train0.h5, ..., a list of them, or one of them: pack_list.h
#pragma once

#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Reads the list; opens no sample. Without a labels file, class folders are sorted by name, an id
/// list takes the shape names beside it, other lists must have numbers. An id list says its split
/// itself (_train, _test); `extension` is that of files in a folder or behind ids. A first line
/// like `path,label` is stepped over. Throws kNotFound naming the list, root, labels or shape names
/// that is not there; kInvalidArgument naming list and line where a label is not in the map or a
/// line has no label, naming the folder where it holds several kinds of files or a class that the
/// labels lack, and for an empty list.
SampleList read_cloud_list(const ListOptions& options);

}  // namespace larkspur::readers
