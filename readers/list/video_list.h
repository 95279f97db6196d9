// SPDX-License-Identifier: Apache-2.0
// Which videos there are and what they show: the layouts in which people keep Kinetics.
//
//   folder     <root>/<split>/<class name>/<video>, <root>/<class name>/<split>/<video> or
//              <root>/<class name>/<video>; videos are files, or folders of numbered pictures
//   list file  val/arm wrestling/demo.mp4 7             path, then a number or class name
//   frames     abseiling/4YTwq0-73Y0 300 0            folders of pictures (frame_list.h)
//   Kinetics   label,youtube_id,time_start,time_end,split[,is_cc]
//              files <id>_<start, 6 digits>_<end, 6 digits> of any video's extension, below
//              <split>/<class>, <class>, <split> or beside each other, all of a list alike
#pragma once

#include <vector>

#include "readers/list/list_file.h"
#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Reads the list; opens no video. Hidden folders and those without a video are no classes.
/// Samples of a Kinetics list are named "<label>/<id>_<start>_<end>", whatever lies on the disk;
/// one that is not there has the path where it would be, as .mp4. A folder name may have
/// underscores where the class name has blanks. Without a labels file classes are the sorted names,
/// or the numbers of the list. Throws kNotFound naming the list, root or labels file that is not
/// there, or a folder without videos; kInvalidArgument naming list and line where a label is not in
/// the map or a field is missing, and for an empty list. Samples of a Kinetics list without the
/// column `label` have none and are named "<id>_<start>_<end>".
SampleList read_video_list(const ListOptions& options);

/// Whether a list's first line names Kinetics' columns.
bool is_kinetics_list(const std::vector<ListLine>& lines);

}  // namespace larkspur::readers
