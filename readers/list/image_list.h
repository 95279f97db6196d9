// SPDX-License-Identifier: Apache-2.0
// Which pictures there are and what they show: the layouts in which people keep ImageNet.
//
//   folder     <root>/<split>/<class name>/<picture>      or <root>/<class name>/<picture>
//   list file  val/n01440764/ILSVRC2012_val_00000293.JPEG 0
#pragma once

#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Reads the list; opens no picture. Errors as read_class_folders() and read_labelled(); kNotFound
/// naming the list, root or labels file that is not there.
SampleList read_image_list(const ListOptions& options);

}  // namespace larkspur::readers
